import { isUncounted, leaving, resizing, sizeOf } from './counting.ts';
import { idAt, putId } from './frame.ts';
import { lockOwnerAt } from './locks.ts';
import type { FuseNode } from './nodes.ts';
import {
  ENTRY_BYTES,
  ERRNO,
  FSYNC_DATA_ONLY,
  KIND_FILE,
  NO_ANSWER,
  O_ACCESS,
  O_CREAT,
  O_DSYNC,
  O_EXCL,
  O_NONBLOCK,
  O_SYNC,
  OPENED_PASSTHROUGH,
  OPENED_TELLS_AT_CLOSE,
  RELEASE_UNLOCK_FLOCK,
  WRITE_KILL_SET_IDS,
} from './protocol.ts';
import { type FuseState, type Operation, PLACE } from './state.ts';

const OPEN_OUT_BYTES = 16;
const WRITE_IN_BYTES = 40;
const SET_IDS = 0o6000;
/** Where a file can end. */
const OFFSET_MAX = 2n ** 63n - 1n;
/** KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, UNSHARE_RANGE: those that move no bytes. */
const ALLOCATE_KNOWN = 0b1010011;
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** What of the flags of open(2) goes on to the file itself. O_APPEND does not: the kernel says where each write goes. */
const PASSED_FLAGS = O_ACCESS | O_SYNC | O_DSYNC;

/** Answers with a new handle. */
function answerOpen(state: FuseState, to: number, fd: number, node: FuseNode): number {
  const handle = state.files.add(fd, node, false);
  if (handle < 0) return handle;
  putId(state.view, to, handle);
  const backingId = state.hasBacking ? backingOf(state, node, fd) : 0;
  state.view.setUint32(to + 8, (backingId > 0 ? OPENED_PASSTHROUGH : 0) | closeFlag(state), true);
  state.view.setUint32(to + 12, backingId, true);
  return OPEN_OUT_BYTES;
}

/** The mount of another machine answers a close by itself, unless it is told that the close has to come here. */
function closeFlag({ frame, view, options, tellsAtClose }: FuseState): number {
  const isWritten = (view.getUint32(frame.body, true) & O_ACCESS) !== 0;
  return tellsAtClose && options.far !== null && isWritten ? OPENED_TELLS_AT_CLOSE : 0;
}

/**
 * All openers of a file share one; 0 where the kernel takes none for it. The kernel's own writes leave setuid and setgid
 * alone: a file that has one of them, as the last look shows, is written through here, where a write takes them away.
 */
function backingOf(state: FuseState, node: FuseNode, fd: number): number {
  const { backing } = state.options;
  if (backing === null || (node.backing === null && (state.statx.mode & SET_IDS) !== 0)) return 0;
  if (node.backing === null) {
    if (node.openFds.length > 1) return 0; // it is open without
    const id = backing.open(fd);
    if (id <= 0) return 0;
    node.backing = { id, users: 0 };
  }
  node.backing.users += 1;
  return node.backing.id;
}

export const open: Operation = (state) => {
  const { node, frame, posix, nodes } = state;
  if (node === undefined) return -ERRNO.ESTALE;
  if (!frame.holds(8)) return -ERRNO.EINVAL;
  if (node.kind !== KIND_FILE) return node.isFolder ? -ERRNO.EISDIR : -ERRNO.EINVAL;
  const flags = (state.view.getUint32(frame.body, true) & PASSED_FLAGS) | O_NONBLOCK;
  const openFd = node.openFds[0];
  let fd: number;
  if (openFd !== undefined) fd = posix.names.reopen(openFd, flags);
  else {
    const { parent, name } = node;
    if (parent === null || name === null) return -ERRNO.ESTALE;
    const parentFd = nodes.folderFd(parent);
    if (parentFd < 0) return parentFd;
    fd = posix.names.open(parentFd, nodes.putName(name), flags, 0);
    if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return -ERRNO.ESTALE;
  }
  if (fd < 0) return fd;
  const result = posix.attrs.stat(fd, posix.memory.emptyNameAt, PLACE.statx);
  if (result < 0 || !nodes.isSeen(node)) {
    posix.data.close(fd);
    return result < 0 ? result : -ERRNO.ESTALE;
  }
  return answerOpen(state, state.out, fd, node);
};

/** The name is new: where it is not any more, the kernel is asked to look again. */
export const create: Operation = (state) => {
  const { node, frame, posix, nodes, view } = state;
  if (node === undefined) return -ERRNO.ESTALE;
  if (!frame.holds(16)) return -ERRNO.EINVAL;
  const nameAt = frame.body + 16;
  const end = frame.endOfName(nameAt);
  if (end < 0) return end;
  if (isUncounted(state, state.text(nameAt, end))) return -ERRNO.EPERM;
  const folderFd = nodes.folderFd(node);
  if (folderFd < 0) return folderFd;
  const wanted = view.getUint32(frame.body, true);
  const mode = state.permissions(view.getUint32(frame.body + 4, true));
  const flags = (wanted & PASSED_FLAGS) | O_CREAT | O_EXCL | O_NONBLOCK;
  const fd = state.making(view.getUint32(frame.body + 8, true), () =>
    posix.names.open(folderFd, nameAt, flags, mode),
  );
  if (fd === -ERRNO.EEXIST && (wanted & O_EXCL) === 0) return -ERRNO.ESTALE;
  if (fd < 0) return fd;
  const result = posix.attrs.stat(fd, posix.memory.emptyNameAt, PLACE.statx);
  const made = result < 0 ? null : nodes.remember(node, state.text(nameAt, end));
  if (made === null) {
    posix.data.close(fd);
    return result < 0 ? result : -ERRNO.ENFILE;
  }
  state.writeEntry(made, state.out);
  const opened = answerOpen(state, state.out + ENTRY_BYTES, fd, made);
  if (opened < 0) nodes.forget(made.id, 1);
  return opened < 0 ? opened : ENTRY_BYTES + opened;
};

export const read: Operation = (state) => {
  const { frame, view, posix } = state;
  const file = frame.holds(24) ? state.files.get(idAt(view, frame.body)) : undefined;
  if (file === undefined) return -ERRNO.EBADF;
  const wanted = Math.min(view.getUint32(frame.body + 16, true), PLACE.answerBytes - 16);
  const offset = view.getBigInt64(frame.body + 8, true);
  if (offset > OFFSET_MAX - BigInt(wanted)) return -ERRNO.EINVAL;
  let done = 0;
  while (done < wanted) {
    const count = posix.data.read(file.fd, state.out + done, wanted - done, offset + BigInt(done));
    if (count < 0) return done > 0 ? done : count;
    if (count === 0) break;
    done += count;
  }
  return done;
};

export const write: Operation = (state) => {
  const { frame, view } = state;
  const file = frame.holds(WRITE_IN_BYTES) ? state.files.get(idAt(view, frame.body)) : undefined;
  if (file === undefined) return -ERRNO.EBADF;
  const sizeBytes = view.getUint32(frame.body + 16, true);
  if (!frame.holds(WRITE_IN_BYTES + sizeBytes)) return -ERRNO.EINVAL;
  state.setIds((view.getUint32(frame.body + 20, true) & WRITE_KILL_SET_IDS) !== 0);
  const offset = view.getBigInt64(frame.body + 8, true);
  if (offset > OFFSET_MAX - BigInt(sizeBytes)) return -ERRNO.EFBIG;
  const end = Number(offset) + sizeBytes;
  let why = 0;
  const done = resizing(
    state,
    file.node,
    file.fd,
    (before) => Math.max(before, sizeBytes === 0 ? 0 : end),
    () => {
      const written = writeAll(state, file.fd, sizeBytes, offset);
      why = written.why;
      return written.done;
    },
  );
  if (done < 0) return done;
  view.setUint32(state.out, done, true);
  view.setUint32(state.out + 4, why, true); // padding to a kernel
  return 8;
};

/** What a WRITE holds: how much of it was taken, or an error; `why` not all was taken, where some was. */
function writeAll(
  { frame, posix }: FuseState,
  fd: number,
  sizeBytes: number,
  offset: bigint,
): { readonly done: number; readonly why: number } {
  const from = frame.body + WRITE_IN_BYTES;
  let done = 0;
  while (done < sizeBytes) {
    const count = posix.data.write(fd, from + done, sizeBytes - done, offset + BigInt(done));
    if (count < 0) return done === 0 ? { done: count, why: 0 } : { done, why: -count };
    if (count === 0) break;
    done += count;
  }
  return { done, why: 0 };
}

/** Of each close(2): the locks of the process on the file end. The kernel of this machine keeps them itself, and asks but once. */
export const flush: Operation = (state) => {
  const { frame, view, node, tellsAtClose } = state;
  const isFar = state.options.far !== null;
  if (!isFar && !tellsAtClose) return -ERRNO.ENOSYS;
  if (node === undefined || !frame.holds(24)) return node === undefined ? -ERRNO.ESTALE : -ERRNO.EINVAL;
  if (isFar) state.locks.releaseOwner(node.id, lockOwnerAt(view, frame.body + 16), false);
  return tellsAtClose ? closeCopy(state) : 0;
};

/** What a program that closed the file itself would be told. */
function closeCopy({ frame, view, posix, files, options }: FuseState): number {
  const file = files.get(idAt(view, frame.body));
  if (file === undefined) return -ERRNO.EBADF;
  const copy = posix.names.duplicate(file.fd);
  if (copy < 0 || options.side === null) return copy < 0 ? copy : posix.data.close(copy);
  options.side.sync(copy, 'close', frame.uniqueLow, frame.uniqueHigh); // it may take long: others are served meanwhile
  return NO_ANSWER;
}

export const release: Operation = (state) => {
  const { frame, view } = state;
  if (!frame.holds(24)) return -ERRNO.EINVAL;
  const handle = idAt(view, frame.body);
  const file = state.files.get(handle);
  if (file === undefined) return -ERRNO.EBADF;
  const { node } = file;
  state.locks.releaseHandle(node.id, handle);
  state.files.remove(handle);
  state.leases?.released(handle);
  leaving(state, node);
  if ((view.getUint32(frame.body + 12, true) & RELEASE_UNLOCK_FLOCK) !== 0)
    state.locks.releaseOwner(node.id, lockOwnerAt(view, frame.body + 16), true);
  if (node.backing !== null) {
    node.backing.users -= 1;
    if (node.backing.users <= 0) {
      state.options.backing?.close(node.backing.id);
      node.backing = null;
    }
  }
  return 0;
};

export const releasedir: Operation = (state) => {
  if (!state.frame.holds(24)) return -ERRNO.EINVAL;
  return state.files.remove(idAt(state.view, state.frame.body)) === undefined ? -ERRNO.EBADF : 0;
};

/** Of files and folders. */
export const fsync: Operation = (state) => {
  const { frame, view } = state;
  const file = frame.holds(16) ? state.files.get(idAt(view, frame.body)) : undefined;
  if (file === undefined) return -ERRNO.EBADF;
  const dataOnly = (view.getUint32(frame.body + 8, true) & FSYNC_DATA_ONLY) !== 0;
  const { side } = state.options;
  if (side === null) return state.posix.data.sync(file.fd, dataOnly);
  side.sync(file.fd, dataOnly ? 'data' : 'all', frame.uniqueLow, frame.uniqueHigh); // others are served meanwhile
  return NO_ANSWER;
};

export const fallocate: Operation = (state) => {
  const { frame, view, posix } = state;
  const file = frame.holds(32) ? state.files.get(idAt(view, frame.body)) : undefined;
  if (file === undefined) return -ERRNO.EBADF;
  const mode = view.getUint32(frame.body + 24, true);
  if ((mode & ~ALLOCATE_KNOWN) !== 0) return -ERRNO.EOPNOTSUPP;
  const offset = view.getBigInt64(frame.body + 8, true);
  const length = view.getBigInt64(frame.body + 16, true);
  const end = Number(offset + length);
  state.setIds(frame.userId !== 0);
  if ((mode & (KEEP_SIZE | PUNCH_HOLE)) === KEEP_SIZE && state.options.quota !== null) {
    // room beyond the end has no size: it could not be counted
    const sizeBytes = sizeOf(state, file.fd);
    if (sizeBytes < 0 || end > sizeBytes) return sizeBytes < 0 ? sizeBytes : -ERRNO.EOPNOTSUPP;
  }
  return resizing(
    state,
    file.node,
    file.fd,
    (before) => ((mode & KEEP_SIZE) === 0 ? Math.max(before, end) : before),
    () => posix.data.allocate(file.fd, mode, offset, length),
  );
};

export const lseek: Operation = (state) => {
  const { frame, view, posix } = state;
  const file = frame.holds(24) ? state.files.get(idAt(view, frame.body)) : undefined;
  if (file === undefined) return -ERRNO.EBADF;
  const whence = view.getUint32(frame.body + 16, true);
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return -ERRNO.EINVAL;
  const found = posix.data.seek(file.fd, view.getBigInt64(frame.body + 8, true), whence);
  if (found < 0n) return Number(found);
  view.setBigInt64(state.out, found, true);
  return 8;
};

export const copyFileRange: Operation = (state) => {
  const { frame, view, posix } = state;
  if (!frame.holds(56)) return -ERRNO.EINVAL;
  const from = state.files.get(idAt(view, frame.body));
  const to = state.files.get(idAt(view, frame.body + 24));
  if (from === undefined || to === undefined) return -ERRNO.EBADF;
  const at = (place: number) => view.getBigInt64(frame.body + place, true);
  const length = view.getBigUint64(frame.body + 40, true);
  const most = BigInt(1 << 30);
  state.setIds(frame.userId !== 0);
  const wanted = length > most ? most : length;
  const left = sizeOf(state, from.fd) - Number(at(8));
  const end = Number(at(32)) + Math.max(0, Math.min(Number(wanted), left));
  const done = resizing(
    state,
    to.node,
    to.fd,
    (before) => Math.max(before, end),
    () => posix.data.copyRange(from.fd, at(8), to.fd, at(32), wanted),
  );
  if (done < 0) return done;
  putId(view, state.out, done);
  return 8;
};
