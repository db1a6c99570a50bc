import { LIMITS } from '../base/limits.ts';
import type { JobContext } from '../world/offload.ts';
import type { OnMoved } from './file_io.ts';

/** Tells of bytes that have moved, but not of each piece: a message for each would cost more than the piece. */
export function nowAndThen(context: JobContext): OnMoved {
  let sinceMs = context.clock.monotonicMs();
  let untold = 0;
  return (bytes) => {
    untold += bytes;
    const nowMs = context.clock.monotonicMs();
    if (nowMs - sinceMs < LIMITS.progressIntervalMs.value) return;
    context.moved(untold);
    untold = 0;
    sinceMs = nowMs;
  };
}
