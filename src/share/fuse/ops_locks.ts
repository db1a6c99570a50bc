import type { LockMode } from '../../tree/files/range_locks.ts';
import { idAt, putId } from './frame.ts';
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
  const start = view.getBigUint64(at + 16, true);
  const end = view.getBigUint64(at + 24, true);
  if (start > OFFSET_MAX || end < start) return null;
  return {
    nodeId: node.id,
    owner: lockOwnerAt(view, at + 8),
    isFlock: (view.getUint32(at + 40, true) & LOCK_IS_FLOCK) !== 0,
    mode,
    range: {
      start: Number(start),
      end: end >= OFFSET_MAX ? Number.POSITIVE_INFINITY : Number(end) + 1,
    },
    start,
    lengthBytes: end >= OFFSET_MAX ? 0n : end - start + 1n,
    processId: view.getUint32(at + 36, true),
    handle: idAt(view, at),
  };
}

export const getlk: Operation = (state) => {
  const { view, out, locks } = state;
  const wish = wishOf(state);
  if (wish === null) return -ERRNO.EINVAL;
  const conflict = locks.conflict(wish);
  const outside = conflict === null ? locks.conflictOutside(wish) : null;
  state.posix.memory.bytes.fill(0, out, out + LOCK_OUT_BYTES);
  view.setUint32(out + 16, UNLOCK, true);
  if (conflict !== null) {
    const { held, processId } = conflict;
    const end = held.end === Number.POSITIVE_INFINITY ? OFFSET_MAX : BigInt(held.end - 1);
    putId(view, out, held.start);
    view.setBigUint64(out + 8, end, true);
    view.setUint32(out + 16, held.mode === 'shared' ? READ_LOCK : WRITE_LOCK, true);
    view.setUint32(out + 20, processId, true);
  } else if (outside !== null) {
    // its process is one of this machine: the kernel that asks may know another one by that number
    const { start, lengthBytes, type } = outside;
    view.setBigInt64(out, start, true);
    view.setBigInt64(out + 8, lengthBytes === 0n ? OFFSET_MAX : start + lengthBytes - 1n, true);
    view.setUint32(out + 16, type, true);
  }
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
