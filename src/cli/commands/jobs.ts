import { formatBytes, formatDuration, formatRate } from '../../base/units.ts';
import type { JobView } from '../../contract/schemas.ts';
import { exitOf, followJob } from '../follow.ts';
import { endText, problemsText, progressText, routeText, stageText } from '../job_text.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

/** `causeway jobs ls` */
export const jobsList: Action = async ({ client, terminal, json }) => {
  const jobs = await client.call('listJobs', {});
  if (json) terminal.out(`${JSON.stringify(jobs)}\n`);
  else terminal.out(`${table([['ID', 'STATE', 'DONE', 'SIZE', 'COPY'], ...jobs.map(row)])}\n`);
  return 0;
};

/** `causeway jobs show ID` */
export const jobsShow: Action = async ({ client, terminal, json }, [id = '']) => {
  const job = await client.call('showJob', { id });
  terminal.out(json ? `${JSON.stringify(job)}\n` : `${details(job)}\n`);
  return 0;
};

/** `causeway jobs wait ID` */
export const jobsWait: Action = async (context, [id = ''], options) => {
  const over = new AbortController();
  context.terminal.interrupted.addEventListener('abort', () => over.abort(), { once: true });
  return followJob(context, id, { quiet: options['quiet'] === true, signal: over.signal });
};

/** `causeway jobs cancel ID` */
export const jobsCancel: Action = async ({ client, terminal, json }, [id = '']) => {
  const job = await client.call('cancelJob', { id });
  terminal.out(json ? `${JSON.stringify(job)}\n` : `${endText(job)}\n`);
  return job.state === 'cancelled' ? 0 : exitOf(job);
};

function row(job: JobView): string[] {
  return [
    job.id,
    job.state,
    job.percent === null ? '-' : `${job.percent.toFixed(1)} %`,
    formatBytes(job.plannedBytes),
    routeText(job),
  ];
}

function details(job: JobView): string {
  const rows = [
    ['job', job.id],
    ['state', `${job.state} (${job.phase})`],
    ['copy', routeText(job)],
    ['time', formatDuration(job.elapsedMs)],
    ['planned', `${job.plannedEntries} entries, ${formatBytes(job.plannedBytes)}`],
    ['sent', formatBytes(job.sentBytes)],
    ['received', formatBytes(job.receivedBytes)],
    ['durable', formatBytes(job.durableBytes)],
    ['there before', formatBytes(job.recoveredBytes)],
    ['rate', formatRate(job.rateBytesPerSecond)],
    ['attempts', String(job.attempts)],
  ];
  if (job.lastError) rows.push(['last break', `${job.lastError.message} (${job.lastError.code})`]);
  if (job.endedAtMs === null) rows.push(['now', progressText(job)]);
  else rows.push(['end', endText(job)]);
  const stages = job.stages.map((stage) => [
    `  ${stageText(stage.stage, stage.side)}`,
    formatBytes(stage.bytes),
    `busy ${formatDuration(stage.busyMs)}`,
  ]);
  const problems =
    job.problems.length > 0 && job.state !== 'partial' ? `\nproblems\n${problemsText(job)}` : '';
  return `${table(rows)}${stages.length > 0 ? `\nwhere the time went\n${table(stages)}` : ''}${problems}`;
}
