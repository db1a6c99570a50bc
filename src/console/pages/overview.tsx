import { formatBytes } from '../../base/units.ts';
import { durationText, speedText } from '../format/amounts.ts';
import { type Finding, findingsOf } from '../format/health.ts';
import { routeText } from '../format/jobs.ts';
import { LinkButton } from '../parts/buttons.tsx';
import { SpeedChart } from '../parts/chart.tsx';
import { JobRows } from '../parts/job_rows.tsx';
import { MachineRows } from '../parts/machine_rows.tsx';
import { Card, Empty, Page } from '../parts/page.tsx';
import { machines, now, recentJobs, status } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { may } from '../state/rights.ts';
import { linkTo } from '../state/route.ts';
import { linkSpeeds } from '../state/speeds.ts';

const RECENT_SHOWN = 6;

export function OverviewPage() {
  const { overview: m, shell, machines: names } = messages.value;
  const view = status.value;
  if (view === null) return <Page title={m.title}>{shell.loading}</Page>;
  if (view.vms.length === 0 && recentJobs.value.length === 0) {
    return (
      <Page title={m.title}>
        <Empty title={m.emptyTitle} text={m.emptyText}>
          {may('vm.add') && (
            <LinkButton kind="primary" href={linkTo('machines', 'add')}>
              {names.add}
            </LinkButton>
          )}
        </Empty>
      </Page>
    );
  }
  const ended = recentJobs.value.filter((job) => job.endedAtMs !== null).slice(0, RECENT_SHOWN);
  return (
    <Page
      title={m.title}
      actions={
        may('job.start') && (
          <LinkButton kind="primary" href={linkTo('copy')}>
            {shell.copy}
          </LinkButton>
        )
      }
    >
      <Health findings={findingsOf(view, recentJobs.value, now.value)} />
      <Card title={m.running}>
        {view.activeJobs.length === 0 ? (
          <p class="quiet">{m.noneRunning}</p>
        ) : (
          <JobRows jobs={view.activeJobs} />
        )}
      </Card>
      <div class="columns">
        <Speed />
        <Card title={m.machines} aside={<span class="quiet">{connectedText()}</span>}>
          <MachineRows machines={machines.value} />
        </Card>
      </div>
      <Card title={m.recent}>
        {ended.length === 0 ? <p class="quiet">{m.noneRecent}</p> : <JobRows jobs={ended} />}
      </Card>
      <p class="quiet foot">
        {`Causeway ${view.version} · ${m.upFor(durationText(view.uptimeMs, messages.value.units))} · ${m.memory} ${formatBytes(view.residentBytes)}`}
      </p>
    </Page>
  );
}

function connectedText(): string {
  const up = machines.value.filter((vm) => vm.state === 'up').length;
  return messages.value.overview.connectedOf(up, machines.value.length);
}

function Speed() {
  const { overview: m, units } = messages.value;
  const series = linkSpeeds.value;
  const names = [m.sending, m.receiving];
  return (
    <Card title={m.speed}>
      <ul class="speeds">
        {names.map((name, index) => (
          <li key={name} class={`line-${index + 1}`}>
            <strong>{speedText(series.lines[index]?.at(-1) ?? 0, units)}</strong>
            <span>{name}</span>
          </li>
        ))}
      </ul>
      <SpeedChart series={series} names={names} label={m.speedChart} />
    </Card>
  );
}

function Health({ findings }: { readonly findings: readonly Finding[] }) {
  const m = messages.value.overview;
  if (findings.length === 0) {
    return (
      <section class="health good" aria-label={m.healthy}>
        <span class="health-mark" aria-hidden="true" />
        <div>
          <h2>{m.healthy}</h2>
          <p>{m.healthyText}</p>
        </div>
      </section>
    );
  }
  const tone = findings.some((one) => one.tone === 'bad') ? 'bad' : 'warn';
  return (
    <section class={`health ${tone}`} aria-label={m.attention(findings.length)}>
      <span class="health-mark" aria-hidden="true" />
      <div>
        <h2>{m.attention(findings.length)}</h2>
        <ul>
          {findings.map((finding) => (
            <li key={`${finding.kind} ${finding.job?.id ?? finding.machine ?? finding.part}`}>
              <a href={hrefOf(finding)}>{textOf(finding)}</a>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

function hrefOf({ job, machine = '', part }: Finding): string {
  if (part !== undefined) return linkTo('settings');
  return job === undefined ? linkTo('machines', machine) : linkTo('jobs', job.id);
}

function textOf({ kind, job, machine = '', part }: Finding): string {
  const { overview, jobs } = messages.value;
  if (part !== undefined) return overview.findings.part(overview.parts[part]);
  return overview.findings[kind](job === undefined ? machine : routeText(job, jobs));
}
