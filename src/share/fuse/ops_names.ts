import { isUncounted, removing } from './counting.ts';
import { idAt } from './frame.ts';
import type { FuseNode } from './nodes.ts';
import { ERRNO, KIND_FILE, KIND_MASK, NO_ANSWER } from './protocol.ts';
import { type FuseState, type Operation, PLACE } from './state.ts';

const RENAME_EXCHANGE = 1 << 1;
/** RENAME_NOREPLACE and RENAME_EXCHANGE; a whiteout belongs to overlay file systems. */
const RENAME_KNOWN = 0b11;
const FORGET_ONE_BYTES = 16;
const KIND_PIPE = 0o010000;
const KIND_SOCKET = 0o140000;
/** What another machine may make: no devices. */
const FAR_KINDS: ReadonlySet<number> = new Set([KIND_FILE, KIND_PIPE, KIND_SOCKET]);
const LINK_TARGET_MAX_BYTES = 4_095;

/** A name in a folder that has a descriptor. */
interface Place {
  readonly folder: FuseNode;
  readonly fd: number;
  readonly nameAt: number;
  readonly name: string;
}

/** The name that follows `headBytes` of the body, in the folder that the request is about; or an error. */
function placeOf(state: FuseState, headBytes: number): Place | number {
  const { frame, node: folder } = state;
  if (!frame.holds(headBytes)) return -ERRNO.EINVAL;
  const nameAt = frame.body + headBytes;
  const end = frame.endOfName(nameAt);
  if (end < 0) return end;
  if (folder === undefined) return -ERRNO.ESTALE;
  const name = state.text(nameAt, end);
  if (isUncounted(state, name)) return -ERRNO.ENOENT;
  const fd = state.nodes.folderFd(folder);
  return fd < 0 ? fd : { folder, fd, nameAt, name };
}

/** Makes something there, and answers with what stands there then. */
function make(
  state: FuseState,
  headBytes: number,
  umask: number,
  call: (fd: number, nameAt: number) => number,
): number {
  const place = placeOf(state, headBytes);
  if (typeof place === 'number') return place === -ERRNO.ENOENT ? -ERRNO.EPERM : place;
  const { folder, fd, nameAt, name } = place;
  const result = state.nodes.pinning(folder, () => state.making(umask, () => call(fd, nameAt)));
  return result < 0 ? result : state.answerEntry(folder, fd, nameAt, name);
}

export const lookup: Operation = (state) => {
  const place = placeOf(state, 0);
  if (typeof place === 'number') return place;
  return state.answerEntry(place.folder, place.fd, place.nameAt, place.name);
};

export const mkdir: Operation = (state) => {
  const { body } = state.frame;
  const mode = state.view.getUint32(body, true);
  const umask = state.view.getUint32(body + 4, true);
  return make(state, 8, umask, (fd, nameAt) =>
    state.posix.names.makeDir(fd, nameAt, state.permissions(mode)),
  );
};

export const mknod: Operation = (state) => {
  const { body } = state.frame;
  const mode = state.view.getUint32(body, true);
  const device = state.view.getUint32(body + 4, true);
  const umask = state.view.getUint32(body + 8, true);
  const kind = mode & KIND_MASK;
  if (state.options.far !== null && !FAR_KINDS.has(kind)) return -ERRNO.EPERM;
  const wanted = kind | state.permissions(mode);
  return make(state, 16, umask, (fd, nameAt) => state.posix.names.makeNode(fd, nameAt, wanted, device));
};

/** The name comes first, the target after it. */
export const symlink: Operation = (state) => {
  const { frame } = state;
  const nameEnd = frame.endOfName(frame.body);
  if (nameEnd < 0) return nameEnd;
  const targetEnd = frame.endOfText(nameEnd + 1);
  if (targetEnd < 0) return -ERRNO.EINVAL;
  return make(state, 0, 0, (fd, nameAt) => state.posix.names.makeSymlink(nameEnd + 1, fd, nameAt));
};

export const link: Operation = (state) => {
  const { frame, nodes, posix } = state;
  if (!frame.holds(8)) return -ERRNO.EINVAL;
  const source = nodes.get(idAt(state.view, frame.body));
  return make(state, 8, 0, (fd, nameAt) =>
    state.with(source, (sourceFd) => posix.names.link(sourceFd, fd, nameAt)),
  );
};

export const readlink: Operation = (state) =>
  state.with(state.node, (fd) => state.posix.attrs.readLink(fd, state.out, LINK_TARGET_MAX_BYTES));

/** What stands under a name, so that its node can be told that the name is gone. */
function keyUnder(state: FuseState, fd: number, nameAt: number): number | string | null {
  const found = state.posix.attrs.stat(fd, nameAt, PLACE.statx) === 0;
  return found ? state.statx.key(state.nodes.rootDevice) : null;
}

function remove(state: FuseState, call: (fd: number, nameAt: number) => number): number {
  const place = placeOf(state, 0);
  if (typeof place === 'number') return place;
  const { folder, fd, nameAt, name } = place;
  const key = keyUnder(state, fd, nameAt);
  const looked = () => keyUnder(state, fd, nameAt) !== null;
  const result = removing(state, { looked, fd, nameAt }, () => call(fd, nameAt));
  if (result === 0) state.nodes.loseName(folder, key, name);
  return result;
}

export const unlink: Operation = (state) =>
  remove(state, (fd, nameAt) => state.posix.moves.unlink(fd, nameAt));

export const rmdir: Operation = (state) =>
  remove(state, (fd, nameAt) => state.posix.moves.removeDir(fd, nameAt));

function move(state: FuseState, headBytes: number, flags: number): number {
  const { frame, nodes } = state;
  if (!frame.holds(headBytes) || (flags & ~RENAME_KNOWN) !== 0) return -ERRNO.EINVAL;
  const nameAt = frame.body + headBytes;
  const nameEnd = frame.endOfName(nameAt);
  if (nameEnd < 0) return nameEnd;
  const toNameAt = nameEnd + 1;
  const toNameEnd = frame.endOfName(toNameAt);
  if (toNameEnd < 0) return toNameEnd;
  const [name, toName] = [state.text(nameAt, nameEnd), state.text(toNameAt, toNameEnd)];
  if (isUncounted(state, name)) return -ERRNO.ENOENT;
  if (isUncounted(state, toName)) return -ERRNO.EPERM;
  const from = state.node;
  const to = nodes.get(idAt(state.view, frame.body));
  if (from === undefined || to === undefined) return -ERRNO.ESTALE;
  const [fd, toFd] = nodes.folderFds(from, to);
  if (fd < 0) return fd;
  if (toFd < 0) return toFd;
  const key = keyUnder(state, fd, nameAt);
  const toKey = keyUnder(state, toFd, toNameAt);
  const rename = () => state.posix.moves.rename(fd, nameAt, toFd, toNameAt, flags);
  const replaces = () =>
    flags !== RENAME_EXCHANGE && key !== toKey && keyUnder(state, toFd, toNameAt) !== null;
  const result = removing(state, { looked: replaces, fd: toFd, nameAt: toNameAt }, rename);
  if (result < 0 || key === null || key === toKey) return result;
  if (flags === RENAME_EXCHANGE && toKey !== null) nodes.moved(toKey, from, name);
  else nodes.loseName(to, toKey, toName);
  nodes.moved(key, to, toName);
  return result;
}

export const rename: Operation = (state) => move(state, 8, 0);

export const rename2: Operation = (state) =>
  state.frame.holds(16) ? move(state, 16, state.view.getUint32(state.frame.body + 8, true)) : -ERRNO.EINVAL;

export const forget: Operation = (state) => {
  const { frame } = state;
  if (frame.holds(8)) state.nodes.forget(frame.nodeId, idAt(state.view, frame.body));
  return NO_ANSWER;
};

export const batchForget: Operation = (state) => {
  const { frame, view } = state;
  if (!frame.holds(8)) return NO_ANSWER;
  const count = view.getUint32(frame.body, true);
  for (let one = 0, at = frame.body + 8; one < count && at + FORGET_ONE_BYTES <= frame.end; one += 1) {
    state.nodes.forget(idAt(view, at), idAt(view, at + 8));
    at += FORGET_ONE_BYTES;
  }
  return NO_ANSWER;
};
