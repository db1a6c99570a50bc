import type { LockMode } from '../../tree/files/range_locks.ts';
import { putId } from './frame.ts';
import { type LockWish, lockOwnerAt } from './locks.ts';
import { ERRNO, LOCK_IS_FLOCK, LOCK_OUT_BYTES, NO_ANSWER } from './protocol.ts';
import type { FuseState, Operation } from './state.ts';

const LOCK_IN_BYTES = 48;
/** `l_type` of fcntl(2). */
const READ_LOCK = 0;
const WRITE_LOCK = 1;
const UNLOCK = 2;
/** The last byte a file can have. */
const OFFSET_MAX = 2n ** 63n - 1n;

function modeOf(type: number): LockMode | null | undefined {
  if (type === READ_LOCK) return 'shared';
  if (type === WRITE_LOCK) return 'exclusive';
  return type === UNLOCK ? null : undefined;
}

function wishOf({ frame, view, node }: FuseState): LockWish | null {
  if (node === undefined || !frame.holds(LOCK_IN_BYTES)) return null;
  const at = frame.body;
  const mode = modeOf(view.getUint32(at + 32, true));
  if (mode === undefined) return null;
  const end = view.getBigUint64(at + 24, true);
  return {
    nodeId: node.id,
    owner: lockOwnerAt(view, at + 8),
    isFlock: (view.getUint32(at + 40, true) & LOCK_IS_FLOCK) !== 0,
    mode,
    range: {
      start: Number(view.getBigUint64(at + 16, true)),
      end: end >= OFFSET_MAX ? Number.POSITIVE_INFINITY : Number(end) + 1,
    },
    processId: view.getUint32(at + 36, true),
  };
}

export const getlk: Operation = (state) => {
  const { view, out } = state;
  const wish = wishOf(state);
  if (wish === null) return -ERRNO.EINVAL;
  const conflict = state.locks.conflict(wish);
  if (conflict === null) {
    state.posix.memory.bytes.fill(0, out, out + LOCK_OUT_BYTES);
    view.setUint32(out + 16, UNLOCK, true);
    return LOCK_OUT_BYTES;
  }
  const { held, processId } = conflict;
  putId(view, out, held.start);
  view.setBigUint64(out + 8, held.end === Number.POSITIVE_INFINITY ? OFFSET_MAX : BigInt(held.end - 1), true);
  view.setUint32(out + 16, held.mode === 'shared' ? READ_LOCK : WRITE_LOCK, true);
  view.setUint32(out + 20, processId, true);
  return LOCK_OUT_BYTES;
};

export const setlk: Operation = (state) => {
  const wish = wishOf(state);
  return wish === null ? -ERRNO.EINVAL : state.locks.take(wish);
};

const requestName = (low: number, high: number) => `${high}:${low}`;

/** `answer` sends the result of a request later. */
export function setlkw(
  state: FuseState,
  answer: (low: number, high: number, result: number) => void,
): number {
  const wish = wishOf(state);
  if (wish === null) return -ERRNO.EINVAL;
  const { uniqueLow, uniqueHigh } = state.frame;
  const later = (result: number) => answer(uniqueLow, uniqueHigh, result);
  return state.locks.takeOrWait(requestName(uniqueLow, uniqueHigh), wish, later) ?? NO_ANSWER;
}

export const interrupt: Operation = ({ frame, view, locks }) => {
  if (!frame.holds(8)) return NO_ANSWER;
  const at = frame.body;
  locks.interrupt(requestName(view.getUint32(at, true), view.getUint32(at + 4, true)));
  return NO_ANSWER;
};
