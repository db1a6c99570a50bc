import { formatBytes } from '../base/units.ts';
import type { GroupView, JobView } from '../contract/schemas.ts';
import { exitOf, LOG_LINE_EVERY_MS, watchToEnd } from './follow.ts';
import { endText, progressText } from './job_text.ts';
import type { Context } from './program.ts';
import { table } from './terminal.ts';

const GROUP_ID = /^g[0-9a-f]{8}$/;

/** Whether an id is that of a copy to several machines. */
export function isGroupId(id: string): boolean {
  return GROUP_ID.test(id);
}

/** Does something with each job of a group that has not ended; the group afterwards. */
export async function forEachJob(
  { client }: Context,
  id: string,
  procedure: 'cancelJob' | 'pauseJob' | 'resumeJob' | 'interruptJob',
): Promise<GroupView> {
  const { jobs } = await client.call('showGroup', { id });
  const wanted = jobs.filter(({ state, endedAtMs }) => endedAtMs === null || state === 'interrupted');
  await Promise.all(wanted.map((job) => client.call(procedure, { id: job.id })));
  return client.call('showGroup', { id });
}

/** Shows a copy to several machines until all have ended; the exit code. CW_DAEMON_DOWN. */
export async function followGroup(
  context: Context,
  group: GroupView,
  options: { quiet: boolean; signal: AbortSignal },
): Promise<number> {
  const views = new Map(group.jobs.map((job) => [job.id, job]));
  const show = context.json ? jsonLines(context) : options.quiet ? () => undefined : lines(context, views);
  await Promise.all(
    group.jobs.map((job) =>
      watchToEnd(context, job.id, options.signal, (view) => {
        views.set(view.id, view);
        show(view);
      }),
    ),
  );
  const end = await context.client.call('showGroup', { id: group.id });
  if (context.json) context.terminal.out(`${JSON.stringify(end)}\n`);
  else (exitOfGroup(end) === 0 ? context.terminal.out : context.terminal.err)(`${groupEndText(end)}\n`);
  return exitOfGroup(end);
}

/** 0 where all are done, 3 where some are (at least in part), else what they have in common, or 1. */
export function exitOfGroup({ jobs }: GroupView): number {
  const codes = [...new Set(jobs.map(exitOf))];
  if (codes.length === 1) return codes[0]!;
  return codes.some((code) => code === 0 || code === 3) ? 3 : 1;
}

/** How it ended with each machine, and what was read for it. */
export function groupEndText(group: GroupView): string {
  const rows = group.jobs.map((job) => `${job.vm}: ${endText(job)}`);
  return [...rows, readText(group)].join('\n');
}

/** The jobs of a group in a table, and what was read for all of them. */
export function groupText(group: GroupView): string {
  const rows = group.jobs.map((job) => [
    job.id,
    job.vm,
    job.state,
    job.endedAtMs === null ? progressText(job) : firstLine(endText(job)),
  ]);
  return `${table([['ID', 'MACHINE', 'STATE', 'NOW'], ...rows])}\n${readText(group)}`;
}

function readText({ readBytes, sentBytes, jobs }: GroupView): string {
  const once = Math.max(...jobs.map((job) => job.sentBytes));
  const times = once > 0 ? readBytes / once : 0;
  const often = times === 0 ? '' : times <= 1.1 ? ' (once for all)' : ` (${times.toFixed(1)} times)`;
  return `read at the source: ${formatBytes(readBytes)}${often}, sent: ${formatBytes(sentBytes)}`;
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}

function jsonLines({ terminal }: Context): (view: JobView) => void {
  return (view) => terminal.out(`${JSON.stringify(view)}\n`);
}

/** One line that is written over on a terminal, a line every few seconds elsewhere. */
function lines({ terminal }: Context, views: ReadonlyMap<string, JobView>): (view: JobView) => void {
  const text = () => [...views.values()].map((job) => `${job.vm} ${shortText(job)}`).join(' · ');
  if (terminal.isTty) {
    return () => {
      const ended = [...views.values()].every(({ endedAtMs }) => endedAtMs !== null);
      const line = ended ? '' : text().slice(0, Math.max(20, terminal.columns - 1));
      terminal.err(`\r\u001b[K${line}`);
    };
  }
  let nextMs = LOG_LINE_EVERY_MS;
  return (view) => {
    if (view.endedAtMs !== null || view.elapsedMs < nextMs) return;
    nextMs = view.elapsedMs + LOG_LINE_EVERY_MS;
    terminal.err(`${text()}\n`);
  };
}

function shortText(job: JobView): string {
  if (job.endedAtMs !== null) return job.state;
  if (job.stall) return 'STALLED';
  return job.percent === null ? job.phase : `${job.percent.toFixed(1)} %`;
}
