import { idAt } from '../frame.ts';
import type { FuseNode } from '../nodes.ts';
import { KIND_FILE, O_PATH, OP, ROOT_ID, SET } from '../protocol.ts';
import { type FuseState, type Operation, PLACE } from '../state.ts';
import type { BatchKeeper, Done } from './keeper.ts';

/*
 * What of the requests of a kernel overwrites, removes or renames something: that is kept before it is done. A request that cannot be
 * served as it stands keeps nothing.
 */

/** Of FALLOCATE: what changes bytes that are there. */
const PUNCHES = 0b10010;
const EXCHANGE = 1 << 1;
const DEPTH_MAX = 512;

/** Serves a request that changes something, with what it overwrites kept. */
export function kept(state: FuseState, keeper: BatchKeeper, operation: Operation): number {
  const done = before(state, keeper);
  const result = operation(state);
  done?.(result);
  return result;
}

function before(state: FuseState, keeper: BatchKeeper): Done | null {
  const { frame } = state;
  const { body } = frame;
  switch (frame.opcode) {
    case OP.write:
      return ofWrite(state, keeper);
    case OP.fallocate:
      return ofAllocate(state, keeper);
    case OP.copyFileRange:
      return ofCopy(state, keeper);
    case OP.setattr:
      return ofAttrs(state, keeper);
    case OP.create:
    case OP.mknod:
      return ofMake(state, keeper, body + 16);
    case OP.mkdir:
      return ofMake(state, keeper, body + 8);
    case OP.symlink:
      return ofMake(state, keeper, body);
    case OP.link:
      return ofMake(state, keeper, body + 8, true);
    case OP.unlink:
    case OP.rmdir:
      return inFolder(state, state.node, body, (path, dirFd) =>
        keeper.removing(path, { dirFd, nameAt: body }),
      );
    case OP.rename:
      return ofRename(state, keeper, body + 8, 0);
    case OP.rename2:
      return frame.holds(16)
        ? ofRename(state, keeper, body + 16, state.view.getUint32(body + 8, true))
        : null;
    case OP.setxattr:
      return ofValue(state, keeper, body + (state.hasLongSetxattr ? 16 : 8));
    case OP.removexattr:
      return ofValue(state, keeper, body);
    default:
      return null;
  }
}

/** From the root on, bytes as Latin-1; null of what has no name any more. */
function pathTo(node: FuseNode): string | null {
  const names: string[] = [];
  for (let at = node; at.parent !== null; at = at.parent) {
    if (at.name === null || names.length > DEPTH_MAX) return null;
    names.unshift(at.name);
  }
  return node.parent === null && node.name === null && node.id !== ROOT_ID ? null : names.join('/');
}

function ofWrite({ frame, view, files }: FuseState, keeper: BatchKeeper): Done | null {
  const file = frame.holds(40) ? files.get(idAt(view, frame.body)) : undefined;
  if (file === undefined) return null;
  const from = Number(view.getBigInt64(frame.body + 8, true));
  return keeper.bytes(pathTo(file.node), file.fd, from, from + view.getUint32(frame.body + 16, true));
}

function ofAllocate({ frame, view, files }: FuseState, keeper: BatchKeeper): Done | null {
  const file = frame.holds(32) ? files.get(idAt(view, frame.body)) : undefined;
  if (file === undefined) return null;
  const from = Number(view.getBigInt64(frame.body + 8, true));
  const sizeBytes = Number(view.getBigInt64(frame.body + 16, true));
  const punches = (view.getUint32(frame.body + 24, true) & PUNCHES) !== 0;
  return keeper.bytes(pathTo(file.node), file.fd, from, punches ? from + sizeBytes : from);
}

function ofCopy({ frame, view, files }: FuseState, keeper: BatchKeeper): Done | null {
  const file = frame.holds(56) ? files.get(idAt(view, frame.body + 24)) : undefined;
  if (file === undefined) return null;
  const from = Number(view.getBigInt64(frame.body + 32, true));
  return keeper.bytes(
    pathTo(file.node),
    file.fd,
    from,
    from + Number(view.getBigUint64(frame.body + 40, true)),
  );
}

function ofAttrs(state: FuseState, keeper: BatchKeeper): Done | null {
  const { node, frame, view } = state;
  if (node === undefined || !frame.holds(88)) return null;
  const valid = view.getUint32(frame.body, true);
  const cuts = (valid & SET.size) !== 0 && node.kind === KIND_FILE;
  const to = Number(view.getBigInt64(frame.body + 16, true));
  return withNode(state, keeper, node, (path, fd) =>
    cuts ? keeper.bytes(path, fd, to, Number.POSITIVE_INFINITY) : keeper.touch(path, fd),
  );
}

/** What it gives looks at the node once more: through a descriptor of then. */
function withNode(
  state: FuseState,
  keeper: BatchKeeper,
  node: FuseNode,
  begin: (path: string | null, fd: number) => Done,
): Done | null {
  // one of its own: what is served meanwhile may need the place of that of the node
  const fd = state.with(node, (borrowed) => state.posix.names.reopen(borrowed, O_PATH));
  if (fd < 0) return (result) => (result < 0 ? undefined : keeper.missed());
  const done = begin(pathTo(node), fd);
  return (result) => {
    done(result);
    state.posix.data.close(fd);
  };
}

function inFolder(
  state: FuseState,
  folder: FuseNode | undefined,
  nameAt: number,
  begin: (path: string, dirFd: number) => Done,
): Done | null {
  const { frame, nodes } = state;
  const end = nameAt < frame.end ? frame.endOfName(nameAt) : -1;
  const path = folder === undefined ? null : pathTo(folder);
  if (folder === undefined || end < 0 || path === null) return null;
  const dirFd = nodes.folderFd(folder);
  if (dirFd < 0) return null;
  const name = state.text(nameAt, end);
  return nodes.pinning(folder, () => begin(path === '' ? name : `${path}/${name}`, dirFd));
}

function ofMake(state: FuseState, keeper: BatchKeeper, nameAt: number, isLink = false): Done | null {
  return inFolder(state, state.node, nameAt, (path) => {
    const spot = () => ({ dirFd: state.nodes.folderFd(state.node as FuseNode), nameAt });
    return isLink ? keeper.linking(path, spot) : keeper.making(path, spot);
  });
}

function ofRename(state: FuseState, keeper: BatchKeeper, nameAt: number, flags: number): Done | null {
  const { frame, view, nodes } = state;
  const folder = frame.holds(8) ? nodes.get(idAt(view, frame.body)) : undefined;
  return inFolder(state, state.node, nameAt, (from) => {
    const targetAt = frame.endOfName(nameAt) + 1;
    const done = inFolder(state, folder, targetAt, (to, toFd) => {
      const spot = { dirFd: nodes.folderFd(state.node as FuseNode), nameAt };
      return keeper.renaming(from, to, spot, { dirFd: toFd, nameAt: targetAt }, (flags & EXCHANGE) !== 0);
    });
    return done ?? (() => undefined);
  });
}

function ofValue(state: FuseState, keeper: BatchKeeper, nameAt: number): Done | null {
  const { node, frame, posix } = state;
  const end = nameAt < frame.end ? frame.endOfText(nameAt) : -1;
  if (node === undefined || end < 0) return null;
  return withNode(state, keeper, node, (path, fd) =>
    keeper.value(path, fd, state.text(nameAt, end), () => {
      const count = posix.xattrs.get(fd, nameAt, PLACE.list, PLACE.listBytes);
      return count < 0 ? null : Buffer.from(posix.memory.bytes.subarray(PLACE.list, PLACE.list + count));
    }),
  );
}
