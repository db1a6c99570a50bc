import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatBytes, formatDuration, formatRate } from '../../base/units.ts';
import type { JobState, JobView, ListJobsRequest } from '../../contract/schemas.ts';
import { compressionText } from '../compress_option.ts';
import { directDetails } from '../direct_option.ts';
import { exitOf, followJob } from '../follow.ts';
import { followGroup, forEachJob, groupText, isGroupId } from '../group.ts';
import { endText, placeText, problemsText, progressText, queueText, routeText } from '../job_text.ts';
import type { Action, Context } from '../program.ts';
import { limitText, stageTable } from '../stage_table.ts';
import { table } from '../terminal.ts';
import { exitOfUndo, undoText } from '../undo_text.ts';

const STATES: readonly JobState[] = [
  'waiting',
  'running',
  'paused',
  'done',
  'partial',
  'failed',
  'interrupted',
  'cancelled',
];

/** `causeway jobs ls` */
export const jobsList: Action = async ({ client, terminal, json }, _args, options) => {
  const { jobs, nextCursor } = await client.call('listJobs', {}, listRequest(options));
  if (json) {
    terminal.out(`${JSON.stringify({ jobs, nextCursor })}\n`);
    return 0;
  }
  terminal.out(`${table([['ID', 'STATE', 'PRIORITY', 'DONE', 'SIZE', 'COPY'], ...jobs.map(row)])}\n`);
  if (nextCursor !== null) terminal.err(`older ones: --cursor ${nextCursor}\n`);
  return 0;
};

/** `causeway jobs show ID` */
export const jobsShow: Action = async ({ client, terminal, json }, [id = '']) => {
  if (isGroupId(id)) {
    const group = await client.call('showGroup', { id });
    terminal.out(json ? `${JSON.stringify(group)}\n` : `${groupText(group)}\n`);
    return 0;
  }
  const job = await client.call('showJob', { id });
  terminal.out(json ? `${JSON.stringify(job)}\n` : `${details(job, terminal.isTty)}\n`);
  return 0;
};

/** `causeway jobs wait ID` */
export const jobsWait: Action = async (context, [id = ''], options) => {
  const over = new AbortController();
  context.terminal.interrupted.addEventListener('abort', () => over.abort(), { once: true });
  const how = { quiet: options['quiet'] === true, signal: over.signal };
  if (isGroupId(id)) return followGroup(context, await context.client.call('showGroup', { id }), how);
  return followJob(context, id, how);
};

/** `causeway jobs pause ID` */
export const jobsPause: Action = async (context, [id = '']) => {
  if (isGroupId(id)) return changeGroup(context, id, 'pauseJob');
  const { client, terminal, json } = context;
  const job = await client.call('pauseJob', { id });
  terminal.out(json ? `${JSON.stringify(job)}\n` : `${endText(job)}\n`);
  return job.state === 'paused' ? 0 : exitOf(job);
};

/** `causeway jobs resume ID` */
export const jobsResume: Action = async (context, [id = '']) => {
  if (isGroupId(id)) return changeGroup(context, id, 'resumeJob');
  const { client, terminal, json } = context;
  const job = await client.call('resumeJob', { id });
  terminal.out(json ? `${JSON.stringify(job)}\n` : `${job.state}: ${progressText(job)}\n`);
  return job.endedAtMs === null ? 0 : exitOf(job);
};

/** `causeway jobs cancel ID` */
export const jobsCancel: Action = async (context, [id = '']) => {
  if (isGroupId(id)) return changeGroup(context, id, 'cancelJob');
  const { client, terminal, json } = context;
  const job = await client.call('cancelJob', { id });
  terminal.out(json ? `${JSON.stringify(job)}\n` : `${endText(job)}\n`);
  return job.state === 'cancelled' ? 0 : exitOf(job);
};

/** `causeway jobs undo ID` */
export const jobsUndo: Action = async (context, [id = ''], options) => {
  const detach = options['detach'] === true;
  if (!isGroupId(id)) return undoJob(context, id, detach);
  const { jobs } = await context.client.call('showGroup', { id });
  const exits: number[] = [];
  for (const job of jobs) exits.push(await undoJob(context, job.id, detach));
  return exits.every((exit) => exit === exits[0]) ? (exits[0] ?? 0) : 3;
};

const UNDO_WAIT_MS = 5_000;

/** Waits for the end of the undo unless told otherwise; Ctrl-C ends the wait, not the undo. */
async function undoJob({ client, terminal, json }: Context, id: string, detach: boolean): Promise<number> {
  let job = await client.call('undoJob', { id }, { waitMs: detach ? 0 : UNDO_WAIT_MS });
  let told = '';
  while (!detach && job.undo?.state === 'running' && !terminal.interrupted.aborted) {
    const why = undoText(job);
    if (why !== told && !json) terminal.err(`${why}\n`);
    told = why;
    job = await client.call('undoJob', { id }, { begin: false, waitMs: UNDO_WAIT_MS });
  }
  terminal.out(json ? `${JSON.stringify(job)}\n` : `${undoText(job)}\n`);
  return job.undo?.state === 'running' && !detach ? 130 : exitOfUndo(job);
}

/** The wish goes to each job of the group that has not ended. */
async function changeGroup(
  context: Context,
  id: string,
  procedure: 'pauseJob' | 'resumeJob' | 'cancelJob',
): Promise<number> {
  const group = await forEachJob(context, id, procedure);
  context.terminal.out(context.json ? `${JSON.stringify(group)}\n` : `${groupText(group)}\n`);
  return 0;
}

function listRequest({ state, vm, group, limit, cursor }: Record<string, unknown>): ListJobsRequest {
  const states = (state as string[] | undefined)?.flatMap((text) => text.split(','));
  const unknown = states?.find((name) => !STATES.includes(name as JobState));
  if (unknown !== undefined)
    throw new CausewayError('CW_USAGE', `--state ${unknown}: it is one of ${STATES.join(', ')}`);
  const count = limit === undefined ? undefined : Number(limit);
  const max = LIMITS.jobsPageMax.value;
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= max))
    throw new CausewayError('CW_USAGE', `--limit ${limit}: a whole number from 1 to ${max} is needed`);
  return {
    state: states as JobState[] | undefined,
    vm: vm as string | undefined,
    group: group as string | undefined,
    limit: count,
    cursor: cursor as string | undefined,
  };
}

function row(job: JobView): string[] {
  return [
    job.id,
    job.state,
    String(job.priority),
    job.percent === null ? '-' : `${job.percent.toFixed(1)} %`,
    formatBytes(job.plannedBytes),
    routeText(job),
  ];
}

function details(job: JobView, bars: boolean): string {
  const compressed = compressionText(job);
  const rows = [
    ['job', job.id],
    ['state', `${job.state} (${job.phase})`],
    ['copy', routeText(job)],
    ...(job.group === undefined ? [] : [['one of', job.group]]),
    ['queue', queueText(job)],
    ['ran for', formatDuration(job.elapsedMs)],
    ['planned', `${job.plannedEntries} entries, ${formatBytes(job.plannedBytes)}`],
    ['sent', formatBytes(job.sentBytes)],
    ['received', formatBytes(job.receivedBytes)],
    ['reused', formatBytes(job.reusedBytes)],
    ['zeros', formatBytes(job.zeroBytes)],
    ['durable', formatBytes(job.durableBytes)],
    ['there before', formatBytes(job.recoveredBytes)],
    ['rate', formatRate(job.rateBytesPerSecond)],
    ['attempts', String(job.attempts)],
  ];
  const direct = directDetails(job);
  if (direct !== null) rows.push(['direct', direct]);
  if (compressed !== null) rows.push(['compressed', compressed]);
  if (job.undo) rows.push(['undo', undoText(job)]);
  if (job.lastError) rows.push(['last break', `${job.lastError.message} (${job.lastError.code})`]);
  if (job.endedAtMs === null) rows.push(['now', progressText(job)]);
  else rows.push(['end', endText(job)]);
  if (job.limitingStage)
    rows.push(['limited by', limitText(job.limitingStage, placeText(job, job.limitingStage.side))]);
  if (job.explanation) {
    const { cause, evidence, fix } = job.explanation;
    rows.push(['because', cause], ['seen', evidence], ['to do', fix]);
  }
  const stages = job.stages.length > 0 ? `\nwhere the time went\n${stageTable(job, bars)}` : '';
  const problems =
    job.problems.length > 0 && job.state !== 'partial' ? `\nproblems\n${problemsText(job)}` : '';
  return `${table(rows)}${stages}${problems}`;
}
