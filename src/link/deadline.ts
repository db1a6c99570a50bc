import { CausewayError } from '../base/errors.ts';
import { abortReason } from '../base/signal.ts';
import type { Clock } from '../world/clock.ts';

export interface Deadline {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** What has not happened by then, as the sentence of CW_TIMEOUT. */
  readonly what: string;
  readonly signal: AbortSignal;
  /** Gives up what the work waits for (closes its connection); called once, when the time is over or the signal aborted. */
  abandon(): Promise<void>;
}

/**
 * Settles as `work` does, or rejects at once with CW_TIMEOUT after `timeoutMs` or with the signal's reason. Work that
 * succeeds after it was abandoned counts as failed: its connection is closed already.
 */
export async function withDeadline<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
  const { signal } = deadline;
  if (signal.aborted) {
    await deadline.abandon();
    throw abortReason(signal);
  }
  const ended = new AbortController();
  const expired = new Promise<never>((_resolve, reject) => {
    const giveUp = (error: CausewayError) => {
      reject(error);
      deadline.abandon().catch(reject); // a failing close has nobody else to tell; the promise is rejected already
    };
    signal.addEventListener('abort', () => giveUp(abortReason(signal)), { signal: ended.signal });
    deadline.clock.sleep(deadline.timeoutMs, ended.signal).then(
      () => giveUp(new CausewayError('CW_TIMEOUT', deadline.what)),
      () => undefined, // the work ended before the time did
    );
  });
  try {
    return await Promise.race([work(), expired]);
  } finally {
    ended.abort();
  }
}
