import { STATX_BYTES } from './attributes.ts';
import { resizing } from './counting.ts';
import { idAt } from './frame.ts';
import type { FuseNode } from './nodes.ts';
import { ERRNO, SET } from './protocol.ts';
import { type FuseState, type Operation, PLACE } from './state.ts';

const SET_IDS = 0o6000;
const O_WRONLY = 1;
const O_NONBLOCK = 0o4000;
const UTIME_NOW = (1 << 30) - 1;
const UTIME_OMIT = (1 << 30) - 2;
const SETATTR_BYTES = 88;
const STATX_OUT_HEAD_BYTES = 32;
const TIMES_AT = PLACE.name;

export const getattr: Operation = (state) => {
  const { node } = state;
  return node === undefined ? -ERRNO.ESTALE : state.answerAttrs(node);
};

/** The same with the time of birth. */
export const statx: Operation = (state) => {
  const { node, view, out } = state;
  if (node === undefined) return -ERRNO.ESTALE;
  const result = state.answerAttrs(node);
  if (result < 0) return result;
  const bytes = state.posix.memory.bytes;
  const inodeHigh = view.getUint32(out + 16 + 4, true); // as GETATTR tells it
  view.setUint32(out + 12, 0, true);
  bytes.fill(0, out + 16, out + STATX_OUT_HEAD_BYTES);
  bytes.copy(bytes, out + STATX_OUT_HEAD_BYTES, PLACE.statx, PLACE.statx + STATX_BYTES);
  view.setUint32(out + STATX_OUT_HEAD_BYTES + 36, inodeHigh, true);
  return STATX_OUT_HEAD_BYTES + STATX_BYTES;
};

/** Two `struct timespec` as the request wishes them. */
function putTimes({ view, frame }: FuseState, valid: number): void {
  const put = (to: number, bit: number, nowBit: number, secondsAt: number, nanosAt: number) => {
    view.setBigInt64(to, view.getBigInt64(frame.body + secondsAt, true), true);
    const nanos = view.getUint32(frame.body + nanosAt, true);
    const isNow = (valid & nowBit) !== 0;
    view.setBigInt64(to + 8, BigInt((valid & bit) === 0 ? UTIME_OMIT : isNow ? UTIME_NOW : nanos), true);
  };
  put(TIMES_AT, SET.atime, SET.atimeNow, 32, 56);
  put(TIMES_AT + 16, SET.mtime, SET.mtimeNow, 40, 60);
}

/** Through the descriptor of the opener, or one of its own. */
function truncate(state: FuseState, node: FuseNode, valid: number): number {
  const { posix, frame, view } = state;
  const sizeBytes = view.getBigInt64(frame.body + 16, true);
  state.setIds((valid & SET.killSetIds) !== 0);
  const cut = (fd: number) =>
    resizing(
      state,
      node,
      fd,
      () => Number(sizeBytes),
      () => posix.attrs.truncate(fd, sizeBytes),
    );
  const file = (valid & SET.handle) === 0 ? undefined : state.files.get(idAt(view, frame.body + 8));
  if (file !== undefined) return file.node === node ? cut(file.fd) : -ERRNO.EBADF;
  return state.with(node, (fd) => {
    const writable = posix.names.reopen(fd, O_WRONLY | O_NONBLOCK);
    if (writable < 0) return writable;
    const result = cut(writable);
    posix.data.close(writable);
    return result;
  });
}

/** Where all is shown as one user's, it can be given to nobody else. */
function chown(state: FuseState, node: FuseNode, userId: number, groupId: number): number {
  const { shownOwner } = state;
  if (shownOwner === null) return state.with(node, (fd) => state.posix.attrs.chown(fd, userId, groupId));
  const isSame = (wanted: number, shown: number) => wanted === -1 || wanted === shown;
  return isSame(userId, shownOwner.userId) && isSame(groupId, shownOwner.groupId) ? 0 : -ERRNO.EPERM;
}

function change(state: FuseState, node: FuseNode, valid: number): number {
  const { posix, frame, view } = state;
  const { attrs } = posix;
  let result = 0;
  if ((valid & (SET.userId | SET.groupId)) !== 0) {
    const userId = (valid & SET.userId) === 0 ? -1 : view.getUint32(frame.body + 76, true);
    const groupId = (valid & SET.groupId) === 0 ? -1 : view.getUint32(frame.body + 80, true);
    result = chown(state, node, userId, groupId);
  }
  if (result >= 0 && (valid & SET.mode) !== 0) {
    const mode = view.getUint32(frame.body + 68, true) & 0o7777;
    if (mode !== state.permissions(mode)) return -ERRNO.EPERM;
    // the kernel writes to it by itself, and would leave them in place
    if (node.backing !== null && (mode & SET_IDS) !== 0) return -ERRNO.ETXTBSY;
    state.setIds(false);
    result = state.with(node, (fd) => attrs.chmod(fd, mode));
  }
  if (result >= 0 && (valid & SET.size) !== 0) result = truncate(state, node, valid);
  if (result >= 0 && (valid & (SET.atime | SET.mtime)) !== 0)
    result = state.with(node, (fd) => {
      putTimes(state, valid); // the place of the times is also that of names
      return attrs.setTimes(fd, TIMES_AT);
    });
  return result;
}

export const setattr: Operation = (state) => {
  const { node, frame } = state;
  if (node === undefined) return -ERRNO.ESTALE;
  if (!frame.holds(SETATTR_BYTES)) return -ERRNO.EINVAL;
  const result = change(state, node, state.view.getUint32(frame.body, true));
  return result < 0 ? result : state.answerAttrs(node);
};

/** What the quota leaves, in blocks as those that were told. */
function limitSpace({ options: { quota }, view, out }: FuseState): void {
  if (quota === null) return;
  const blockBytes = Math.max(
    1,
    view.getUint32(PLACE.name + 72, true) || view.getUint32(PLACE.name + 8, true),
  );
  const limit = (at: number, sizeBytes: number) => {
    const blocks = BigInt(Math.floor(sizeBytes / blockBytes));
    if (view.getBigUint64(at, true) > blocks) view.setBigUint64(at, blocks, true);
  };
  limit(out, quota.limitBytes);
  limit(out + 8, quota.freeBytes);
  limit(out + 16, quota.freeBytes);
}

/** Of `struct statfs` of Linux, 64 bits. */
export const statfs: Operation = (state) =>
  state.with(state.node ?? state.nodes.root, (fd) => {
    const { view, out } = state;
    const from = PLACE.name;
    const result = state.posix.attrs.statfs(fd, from);
    if (result < 0) return result;
    // blocks, bfree, bavail, files, ffree
    for (let field = 0; field < 5; field += 1)
      view.setBigUint64(out + field * 8, view.getBigUint64(from + 16 + field * 8, true), true);
    limitSpace(state);
    view.setUint32(out + 40, view.getUint32(from + 8, true), true);
    view.setUint32(out + 44, view.getUint32(from + 64, true), true);
    view.setUint32(out + 48, view.getUint32(from + 72, true), true);
    state.posix.memory.bytes.fill(0, out + 52, out + 80);
    return 80;
  });
