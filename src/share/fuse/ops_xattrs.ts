import { isFarAttribute } from './attribute_names.ts';
import { isKept } from './counting.ts';
import { ERRNO, SETXATTR_KILL_SET_GID } from './protocol.ts';
import type { FuseState, Operation } from './state.ts';

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of Linux. */
const VALUE_MAX_BYTES = 65_536;
const NAME_MAX_BYTES = 255;
/** XATTR_CREATE and XATTR_REPLACE. */
const FLAGS_KNOWN = 0b11;
const LABEL = 'security.selinux';
const SHORT_BYTES = 8;
const LONG_BYTES = 16;

/** The place of the NUL behind an attribute's name, or an error. */
function endOfAttribute(state: FuseState, at: number): number {
  const end = state.frame.endOfText(at);
  if (end < 0 || end === at) return -ERRNO.EINVAL;
  if (end - at > NAME_MAX_BYTES) return -ERRNO.ERANGE;
  return mayReach(state, state.text(at, end)) ? end : -ERRNO.EOPNOTSUPP;
}

function mayReach(state: FuseState, name: string): boolean {
  const { far } = state.options;
  if (isKept(state, name)) return false;
  return far === null || isFarAttribute(name, far.shownOwner === null);
}

/** Leaves out of a list what cannot be reached; the bytes that are left. */
function reachable(state: FuseState, at: number, countBytes: number): number {
  const { bytes } = state.posix.memory;
  let left = 0;
  for (let start = at; start < at + countBytes; ) {
    const end = bytes.indexOf(0, start) + 1;
    if (mayReach(state, state.text(start, end - 1))) {
      bytes.copy(bytes, at + left, start, end);
      left += end - start;
    }
    start = end;
  }
  return left;
}

/** A count of bytes that the caller asks for, or as many as there are room for. */
function answerSized(state: FuseState, call: (fd: number, sizeBytes: number) => number): number {
  const { frame, view, out } = state;
  const wanted = view.getUint32(frame.body, true);
  const count = state.with(state.node, (fd) => call(fd, Math.min(wanted, VALUE_MAX_BYTES)));
  if (count < 0 || wanted > 0) return count;
  view.setUint32(out, count, true);
  view.setUint32(out + 4, 0, true);
  return 8;
}

export const getxattr: Operation = (state) => {
  const { frame, posix, out } = state;
  if (!frame.holds(9)) return -ERRNO.EINVAL;
  const end = endOfAttribute(state, frame.body + 8);
  if (end < 0) return end;
  const [openFd] = state.node?.openFds ?? [];
  const { get, getOpen } = posix.xattrs;
  const result = answerSized(state, (fd, sizeBytes) =>
    (fd === openFd ? getOpen : get)(fd, frame.body + 8, out, sizeBytes),
  );
  return result === -ERRNO.ENODATA && isUnreadLabel(state, frame.body + 8, end) ? -ERRNO.EOPNOTSUPP : result;
};

/**
 * A label of SELinux that a file does not have, where nothing on this machine reads labels. `ls -l` asks for that of each file,
 * and stops asking where the file system knows none.
 */
function isUnreadLabel(state: FuseState, at: number, end: number): boolean {
  return state.options.readsLabels === false && state.text(at, end) === LABEL;
}

export const listxattr: Operation = (state) => {
  const { frame, posix, out } = state;
  if (!frame.holds(8)) return -ERRNO.EINVAL;
  const { far, quota } = state.options;
  if (far === null && quota?.hasOwners !== true)
    return answerSized(state, (fd, sizeBytes) => posix.xattrs.list(fd, out, sizeBytes));
  return answerSized(state, (fd, sizeBytes) => {
    const count = posix.xattrs.list(fd, out, VALUE_MAX_BYTES);
    const left = count < 0 ? count : reachable(state, out, count);
    return sizeBytes > 0 && left > sizeBytes ? -ERRNO.ERANGE : left;
  });
};

export const setxattr: Operation = (state) => {
  const { frame, view, posix } = state;
  const headBytes = state.hasLongSetxattr ? LONG_BYTES : SHORT_BYTES;
  if (!frame.holds(headBytes + 1)) return -ERRNO.EINVAL;
  const sizeBytes = view.getUint32(frame.body, true);
  const flags = view.getUint32(frame.body + 4, true);
  if ((flags & ~FLAGS_KNOWN) !== 0) return -ERRNO.EINVAL;
  const nameAt = frame.body + headBytes;
  const end = endOfAttribute(state, nameAt);
  if (end < 0) return end;
  if (end + 1 + sizeBytes > frame.end) return -ERRNO.EINVAL;
  const kills = state.hasLongSetxattr && (view.getUint32(frame.body + 8, true) & SETXATTR_KILL_SET_GID) !== 0;
  state.setIds(kills);
  return state.with(state.node, (fd) => posix.xattrs.set(fd, nameAt, end + 1, sizeBytes, flags));
};

export const removexattr: Operation = (state) => {
  const { frame, posix } = state;
  const end = endOfAttribute(state, frame.body);
  if (end < 0) return end;
  return state.with(state.node, (fd) => posix.xattrs.remove(fd, frame.body));
};
