import { idAt } from './frame.ts';
import type { FuseNode } from './nodes.ts';
import { ERRNO, NO_ANSWER } from './protocol.ts';
import { type FuseState, type Operation, PLACE } from './state.ts';

const RENAME_EXCHANGE = 1 << 1;
/** RENAME_NOREPLACE and RENAME_EXCHANGE; a whiteout belongs to overlay file systems. */
const RENAME_KNOWN = 0b11;
const FORGET_ONE_BYTES = 16;
const LINK_TARGET_MAX_BYTES = 4_095;

/** A folder that the request is about, with a descriptor; or an error. */
function folderOf(state: FuseState): { readonly node: FuseNode; readonly fd: number } | number {
  const { node } = state;
  if (node === undefined) return -ERRNO.ESTALE;
  const fd = state.nodes.folderFd(node);
  return fd < 0 ? fd : { node, fd };
}

/** Makes something below the folder of the request, and answers with what stands there then. */
function make(
  state: FuseState,
  headBytes: number,
  umask: number,
  call: (fd: number, nameAt: number) => number,
): number {
  const { frame } = state;
  if (!frame.holds(headBytes)) return -ERRNO.EINVAL;
  const nameAt = frame.body + headBytes;
  const end = frame.endOfName(nameAt);
  if (end < 0) return end;
  const folder = folderOf(state);
  if (typeof folder === 'number') return folder;
  const result = state.nodes.pinning(folder.node, () => state.making(umask, () => call(folder.fd, nameAt)));
  if (result < 0) return result;
  return state.answerEntry(folder.node, folder.fd, nameAt, state.text(nameAt, end));
}

export const lookup: Operation = (state) => {
  const { frame } = state;
  const nameAt = frame.body;
  const end = frame.endOfName(nameAt);
  if (end < 0) return end;
  const folder = folderOf(state);
  if (typeof folder === 'number') return folder;
  return state.answerEntry(folder.node, folder.fd, nameAt, state.text(nameAt, end));
};

export const mkdir: Operation = (state) => {
  const { body } = state.frame;
  const mode = state.view.getUint32(body, true);
  const umask = state.view.getUint32(body + 4, true);
  return make(state, 8, umask, (fd, nameAt) => state.posix.names.makeDir(fd, nameAt, mode & 0o7777));
};

export const mknod: Operation = (state) => {
  const { body } = state.frame;
  const mode = state.view.getUint32(body, true);
  const device = state.view.getUint32(body + 4, true);
  const umask = state.view.getUint32(body + 8, true);
  return make(state, 16, umask, (fd, nameAt) => state.posix.names.makeNode(fd, nameAt, mode, device));
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
  const { frame } = state;
  const nameAt = frame.body;
  const end = frame.endOfName(nameAt);
  if (end < 0) return end;
  const folder = folderOf(state);
  if (typeof folder === 'number') return folder;
  const key = keyUnder(state, folder.fd, nameAt);
  const result = call(folder.fd, nameAt);
  if (result === 0) state.nodes.loseName(folder.node, key, state.text(nameAt, end));
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
  const from = state.node;
  const to = nodes.get(idAt(state.view, frame.body));
  if (from === undefined || to === undefined) return -ERRNO.ESTALE;
  const [fd, toFd] = nodes.folderFds(from, to);
  if (fd < 0) return fd;
  if (toFd < 0) return toFd;
  const key = keyUnder(state, fd, nameAt);
  const toKey = keyUnder(state, toFd, toNameAt);
  const result = state.posix.moves.rename(fd, nameAt, toFd, toNameAt, flags);
  if (result < 0 || key === null || key === toKey) return result;
  const name = state.text(nameAt, nameEnd);
  const toName = state.text(toNameAt, toNameEnd);
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
