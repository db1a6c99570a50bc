import { toHex } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { WriteBackStatus } from '../../cache/write_back/write_back_tree.ts';
import type { RpcHandler } from '../../link/rpc.ts';
import { boolean, map, uint } from '../../wire/fields.ts';
import { decodeWaitPolicy } from '../../wire/wait_policy.ts';
import {
  encodeWaiting,
  mountIdIn,
  WAITING_TOLD_MAX,
  type WaitingFigures,
} from '../../wire/waiting_figures.ts';
import type { Clock } from '../../world/clock.ts';
import type { WriteBackMount } from './write_back_mount.ts';

/** What waits in a mount of this process, as it is told. */
export function waitingFigures(status: WriteBackStatus): WaitingFigures {
  const { dirtyBytes, changes, oldestDirtyAgeMs, timeToCleanMs, journalBytes } = status;
  return {
    dirtyBytes,
    changes,
    oldestDirtyAgeMs,
    timeToCleanMs,
    journalBytes,
    failures: status.failures
      .slice(0, WAITING_TOLD_MAX)
      .map(({ path, reason }) => ({ path, code: reason.code, message: reason.message })),
    conflicts: status.conflicts
      .slice(-WAITING_TOLD_MAX)
      .map(({ path, keptAs, message }) => ({ path, keptAs, message })),
  };
}

export interface WaitWish {
  /** True: until nothing waits at all; false: until what waits now is sent on, or cannot be. */
  readonly clean: boolean;
  /** It answers after that time in any case. */
  readonly waitMs: number;
}

export interface Waited {
  readonly isDone: boolean;
  /** Null where there is no such mount at the moment. */
  readonly waiting: WaitingFigures | null;
}

/** Waits for a mount that may have to come first. Throws why something cannot be sent on. */
export async function waitForMount(
  clock: Pick<Clock, 'sleep' | 'monotonicMs'>,
  mounted: () => WriteBackMount | null,
  { clean, waitMs }: WaitWish,
): Promise<Waited> {
  const untilMs = clock.monotonicMs() + waitMs;
  for (;;) {
    const leftMs = Math.max(0, untilMs - clock.monotonicMs());
    const mount = mounted();
    if (mount !== null) {
      const isDone = await waitFor(clock, mount, { clean, waitMs: leftMs });
      return { isDone, waiting: waitingFigures(mount.waiting) };
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

/**
 * What a host may ask of mounts of this machine in which writes wait. `mounted` gives one by its id in hex, `over` removes what
 * is left of one that has ended, and is false where something waits in it.
 */
export function waitingMethods(
  clock: Pick<Clock, 'sleep' | 'monotonicMs'>,
  mounted: (id: string) => WriteBackMount | null,
  over: (id: string) => Promise<boolean>,
): Record<string, RpcHandler> {
  return {
    waitingWrites: async (params) => {
      const wish = {
        clean: boolean(params, 'clean'),
        waitMs: uint(params, 'waitMs', LIMITS.writeBackWaitMs.value),
      };
      const id = toHex(mountIdIn(params));
      const { isDone, waiting } = await waitForMount(clock, () => mounted(id), wish);
      return { isDone, waiting: waiting === null ? null : encodeWaiting(waiting) };
    },
    waitingFigures: async (params) => {
      const mount = mounted(toHex(mountIdIn(params)));
      return { waiting: mount === null ? null : encodeWaiting(waitingFigures(mount.waiting)) };
    },
    setWaiting: async (params) => {
      const mount = mounted(toHex(mountIdIn(params)));
      if (mount !== null) mount.policy = decodeWaitPolicy(map(params, 'policy'));
      return { isSet: mount !== null };
    },
    endWaiting: async (params) => {
      const id = toHex(mountIdIn(params));
      await mounted(id)?.finish();
      if (!(await over(id)))
        throw new CausewayError(
          'CW_CACHE_DIRTY',
          'what waits is in the journal of a mount that is not there now',
        );
      return {};
    },
  };
}
