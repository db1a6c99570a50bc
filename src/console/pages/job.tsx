import { useEffect } from 'preact/hooks';
import { formatBytes } from '../../base/units.ts';
import type { JobView } from '../../contract/schemas.ts';
import { percentText, speedText } from '../format/amounts.ts';
import { type Ends, endsOf, jobName, jobTone, leftText, phaseText, routeText } from '../format/jobs.ts';
import { SpeedChart } from '../parts/chart.tsx';
import { JobActions } from '../parts/job_actions.tsx';
import { Explanation } from '../parts/job_explanation.tsx';
import { JobFacts, JobHistory, Problems, UndoState } from '../parts/job_history.tsx';
import { Mark } from '../parts/marks.tsx';
import { Card, Empty, Page } from '../parts/page.tsx';
import { Counters, Progress } from '../parts/progress.tsx';
import { StageBars } from '../parts/stage_bars.tsx';
import { showJob, shownJob } from '../state/job.ts';
import { messages } from '../state/language.ts';
import { linkTo } from '../state/route.ts';
import { jobSpeeds } from '../state/speeds.ts';

export function JobPage({ id }: { readonly id: string }) {
  const { job: m, jobs, shell } = messages.value;
  useEffect(() => showJob(id), [id]);
  const above = { text: jobs.title, href: linkTo('jobs') };
  const job = shownJob.value;
  if (job === 'gone') {
    return (
      <Page title={m.title(id)} above={above}>
        <Empty title={m.none} text={shell.notFoundText} />
      </Page>
    );
  }
  if (job === null || job.id !== id) {
    return (
      <Page title={m.title(id)} above={above}>
        <p class="quiet">{shell.loading}</p>
      </Page>
    );
  }
  const speeds = jobSpeeds.value.get(id);
  return (
    <Page title={jobName(job, jobs)} above={above} actions={<JobActions job={job} />}>
      <Hero job={job} />
      <Explanation job={job} />
      <Problems job={job} />
      <Card title={m.where} lead={m.whereText}>
        <StageBars job={job} />
      </Card>
      {speeds !== undefined && speeds.times.length > 1 && (
        <Card title={m.speedChart}>
          <SpeedChart series={speeds} names={[m.speed]} label={m.speedChart} />
        </Card>
      )}
      <div class="columns">
        <Card title={m.history}>
          <JobHistory job={job} />
        </Card>
        <Card title={m.details}>
          <JobFacts job={job} />
        </Card>
      </div>
      <UndoState job={job} />
    </Page>
  );
}

function Hero({ job }: { readonly job: JobView }) {
  const m = messages.value;
  const ends = endsOf(job, m.jobs);
  const left = leftText(job, m);
  return (
    <section class="card hero" aria-label={routeText(job, m.jobs)}>
      <div class="hero-route">
        <End name={m.job.from} end={ends.from} />
        <span class="arrow" aria-hidden="true">
          →
        </span>
        <End name={m.job.to} end={ends.to} />
      </div>
      <div class="hero-now">
        <p class="percent" data-percent={job.percent ?? ''}>
          {job.percent === null ? m.shell.none : percentText(job.percent)}
        </p>
        <div class="hero-state" aria-live="polite">
          <Mark tone={jobTone(job)}>{phaseText(job, m)}</Mark>
        </div>
        <p class="figures">
          {job.plannedBytes > 0 && <span>{m.job.ofTotal(formatBytes(job.plannedBytes))}</span>}
          {job.state === 'running' && <span>{speedText(job.rateBytesPerSecond, m.units)}</span>}
          {left !== null && <span>{m.jobs.left(left)}</span>}
        </p>
      </div>
      <Progress job={job} label={m.jobs.progress} />
      <Counters job={job} />
    </section>
  );
}

function End({ name, end: { place, path } }: { readonly name: string; readonly end: Ends['from'] }) {
  return (
    <div class="hero-end">
      <span class="name">{name}</span>
      <strong>{place ?? messages.value.jobs.host}</strong>
      <span class="path mono">{path}</span>
    </div>
  );
}
