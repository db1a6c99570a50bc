import type { JobView } from '../../contract/schemas.ts';
import { percentText, speedText } from '../format/amounts.ts';
import { type Ends, endsOf, jobTone, leftText, phaseText, routeText } from '../format/jobs.ts';
import { messages } from '../state/language.ts';
import { linkTo } from '../state/route.ts';
import { Mark, Time } from './marks.tsx';
import { Progress } from './progress.tsx';

/** Jobs as a list of rows; each leads to its page. */
export function JobRows({ jobs }: { readonly jobs: readonly JobView[] }) {
  return (
    <ul class="rows">
      {jobs.map((job) => (
        <JobRow key={job.id} job={job} />
      ))}
    </ul>
  );
}

function JobRow({ job }: { readonly job: JobView }) {
  const m = messages.value;
  const ends = endsOf(job, m.jobs);
  return (
    <li class="row" data-job={job.id}>
      <div class="row-main">
        <a class="row-link" href={linkTo('jobs', job.id)}>
          <End end={ends.from} />
          <span class="arrow" aria-hidden="true">
            →
          </span>
          <span class="unseen"> → </span>
          <End end={ends.to} />
        </a>
        <div class="row-marks">
          <Mark tone={jobTone(job)}>{phaseText(job, m)}</Mark>
          <Time atMs={job.endedAtMs ?? job.createdAtMs} />
        </div>
      </div>
      {job.endedAtMs === null && <Moving job={job} />}
    </li>
  );
}

function End({ end: { place, path } }: { readonly end: Ends['from'] }) {
  return (
    <span class="end">
      <span class="place">{place ?? messages.value.jobs.host}</span>
      <span class="path" title={path}>
        {path}
      </span>
    </span>
  );
}

function Moving({ job }: { readonly job: JobView }) {
  const { jobs: m, units } = messages.value;
  const left = leftText(job, messages.value);
  return (
    <div class="row-moving">
      <Progress job={job} label={routeText(job, m)} />
      <p class="figures">
        {job.percent !== null && <span>{m.percentOf(percentText(job.percent))}</span>}
        {job.state === 'running' && <span>{speedText(job.rateBytesPerSecond, units)}</span>}
        {left !== null && <span>{m.left(left)}</span>}
      </p>
    </div>
  );
}
