import { CausewayError, ERROR_CODES, isErrorCode } from '../base/errors.ts';
import type { JobView } from '../contract/schemas.ts';
import { endText, exitCodeOf, progressText } from './job_text.ts';
import type { Context } from './program.ts';

/** Between two lines of progress where nobody watches a terminal. */
export const LOG_LINE_EVERY_MS = 5_000;

/** Shows a copy until its end; the exit code. CW_DAEMON_DOWN where the daemon goes away before. */
export async function followJob(
  context: Context,
  id: string,
  options: { quiet: boolean; signal: AbortSignal },
): Promise<number> {
  const show = context.json
    ? jsonLines(context)
    : options.quiet
      ? () => undefined
      : context.terminal.isTty
        ? liveLine(context)
        : logLines(context);
  const last = await watchToEnd(context, id, options.signal, show);
  if (!context.json) (exitOf(last) === 0 ? context.terminal.out : context.terminal.err)(`${endText(last)}\n`);
  return exitOf(last);
}

/** Calls `show` with each view of a job until it has ended or the signal is aborted; the last one. CW_DAEMON_DOWN. */
export async function watchToEnd(
  { client }: Context,
  id: string,
  signal: AbortSignal,
  show: (job: JobView) => void,
): Promise<JobView> {
  let last: JobView | null = null;
  for await (const job of client.watch(id, signal)) {
    last = job;
    show(job);
  }
  if (last !== null && last.endedAtMs !== null) return last;
  if (signal.aborted) return client.call('showJob', { id });
  throw new CausewayError(
    'CW_DAEMON_DOWN',
    `the daemon went away; the copy goes on when it is started again: causeway jobs wait ${id}`,
  );
}

export function exitOf(job: JobView): number {
  return exitCodeOf(job, (code) => (isErrorCode(code) ? ERROR_CODES[code].exit : 1));
}

function jsonLines({ terminal }: Context): (job: JobView) => void {
  return (job) => terminal.out(`${JSON.stringify(job)}\n`);
}

function liveLine({ terminal }: Context): (job: JobView) => void {
  return (job) => {
    const text = job.endedAtMs === null ? progressText(job).slice(0, Math.max(20, terminal.columns - 1)) : '';
    terminal.err(`\r\u001b[K${text}`);
  };
}

function logLines({ terminal }: Context): (job: JobView) => void {
  let nextMs = LOG_LINE_EVERY_MS;
  let standing = '';
  return (job) => {
    // what does not run has no time that passes: it is told once
    const still = job.state === 'paused' || job.waiting !== null ? progressText(job) : '';
    if (still !== '' && still !== standing) terminal.err(`${still}\n`);
    standing = still;
    if (job.endedAtMs !== null || job.elapsedMs < nextMs) return;
    nextMs = job.elapsedMs + LOG_LINE_EVERY_MS;
    terminal.err(`${progressText(job)}\n`);
  };
}
