import { CausewayError } from '../../base/errors.ts';
import { abortReason } from '../../base/signal.ts';
import type { Clock } from '../clock.ts';

/** setTimeout fires at once for anything longer than a signed 32-bit number of milliseconds. */
const TIMER_MAX_MS = 2 ** 31 - 1;

function monotonicMs(): number {
  return performance.now();
}

function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(abortReason(signal));
  if (!(durationMs >= 0))
    return Promise.reject(new CausewayError('CW_INTERNAL', `cannot sleep ${durationMs} ms`));
  return new Promise<void>((resolve, reject) => {
    const endMs = monotonicMs() + durationMs;
    let timer: NodeJS.Timeout;
    const onAbort = () => {
      clearTimeout(timer);
      reject(abortReason(signal as AbortSignal));
    };
    // A timer may fire a fraction of a millisecond early, and long sleeps take several timers: look at the clock again.
    const arm = () => {
      const leftMs = endMs - monotonicMs();
      if (leftMs <= 0) {
        signal?.removeEventListener('abort', onAbort);
        resolve();
        return;
      }
      timer = setTimeout(arm, Math.min(Math.ceil(leftMs), TIMER_MAX_MS));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    timer = setTimeout(arm, Math.min(Math.ceil(durationMs), TIMER_MAX_MS));
  });
}

/** The machine's clock. A pending `sleep` keeps the process alive. */
export function createNodeClock(): Clock {
  return { monotonicMs, wallMs: () => Date.now(), sleep };
}
