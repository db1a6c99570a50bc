import { CausewayError } from '../base/errors.ts';
import type { Clock } from '../world/clock.ts';

/** Gives `work` that long; its signal is then aborted with CW_TIMEOUT, or earlier with the reason of `ended`. */
export async function within<T>(
  clock: Pick<Clock, 'sleep'>,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  ended?: AbortSignal,
): Promise<T> {
  const late = new AbortController();
  const over = new AbortController();
  const timer = clock.sleep(limitMs, over.signal).then(
    () => late.abort(new CausewayError('CW_TIMEOUT', `no answer in ${Math.round(limitMs / 1000)} s`)),
    () => undefined, // the work has ended first
  );
  try {
    return await work(ended === undefined ? late.signal : AbortSignal.any([late.signal, ended]));
  } finally {
    over.abort();
    await timer;
  }
}
