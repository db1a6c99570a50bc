import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { WriteBackStatus } from '../cache/write_back/write_back_tree.ts';
import type { CacheWaitView, WaitingView } from '../contract/mount_schemas.ts';
import type { WriteBackMount } from '../share/fuse/write_back_mount.ts';
import type { Clock } from '../world/clock.ts';

/** So many failures and conflicts are told at most. */
const TOLD_MAX = 20;

/** What waits in a mount of this process, as it is shown. */
export function waitingView(status: WriteBackStatus): WaitingView {
  const { dirtyBytes, changes, oldestDirtyAgeMs, timeToCleanMs, journalBytes } = status;
  return {
    dirtyBytes,
    changes,
    oldestDirtyAgeMs,
    timeToCleanMs,
    journalBytes,
    failures: status.failures
      .slice(0, TOLD_MAX)
      .map(({ path, reason }) => ({ path, code: reason.code, message: reason.message })),
    conflicts: status.conflicts
      .slice(-TOLD_MAX)
      .map(({ path, keptAs, message }) => ({ path, keptAs, message })),
  };
}

export interface WaitWish {
  /** True: until nothing waits at all; false: until what waits now is sent on, or cannot be. */
  readonly clean: boolean;
  /** It answers after that time in any case. */
  readonly waitMs: number;
}

/** Waits for a mount that may have to come first. Throws why something cannot be sent on. */
export async function waitForMount(
  clock: Pick<Clock, 'sleep' | 'monotonicMs'>,
  mounted: () => WriteBackMount | null,
  { clean, waitMs }: WaitWish,
): Promise<CacheWaitView> {
  const untilMs = clock.monotonicMs() + waitMs;
  for (;;) {
    const leftMs = Math.max(0, untilMs - clock.monotonicMs());
    const mount = mounted();
    if (mount !== null) {
      const isDone = await waitFor(clock, mount, { clean, waitMs: leftMs });
      return { isDone, waiting: waitingView(mount.waiting) };
    }
    if (leftMs === 0) return { isDone: false, waiting: null };
    await clock.sleep(Math.min(leftMs, LIMITS.writeBackLookMs.value));
  }
}

/** True once what was waited for has come, false after that time. */
async function waitFor(
  clock: Pick<Clock, 'sleep'>,
  mount: Pick<WriteBackMount, 'flush' | 'waitClean'>,
  { clean, waitMs }: WaitWish,
): Promise<boolean> {
  const [late, done] = [new AbortController(), new AbortController()];
  const timer = clock.sleep(waitMs, done.signal).then(
    () => late.abort(new CausewayError('CW_TIMEOUT', 'it takes longer')),
    () => undefined, // it came in time
  );
  try {
    await (clean ? mount.waitClean(late.signal) : mount.flush(late.signal));
    return true;
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_TIMEOUT' && late.signal.aborted) return false;
    throw failure;
  } finally {
    done.abort();
    await timer;
  }
}
