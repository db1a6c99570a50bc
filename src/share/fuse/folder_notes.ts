import type { FuseNode } from './nodes.ts';
import { ATTR_OUT_BYTES, NOTICE_FOLDER, OP, OUT_HEADER_BYTES } from './protocol.ts';
import { type FuseState, PLACE } from './state.ts';

/*
 * What another machine is told of a folder beside the answer to a request that has changed it, so that its kernel need not
 * wait for what it asks next: u64 node, u32 what is told, u32 0; with `attrs` a `struct fuse_attr_out` follows.
 */
export const FOLDER_TOLD = { isEmpty: 1, attrs: 2 } as const;
export const FOLDER_NOTE_BYTES = OUT_HEADER_BYTES + 16;
export const FOLDER_ATTRS_BYTES = FOLDER_NOTE_BYTES + ATTR_OUT_BYTES;

/** Requests that change names in the folder which they are about. */
export const CHANGES_FOLDER: ReadonlySet<number> = new Set([
  OP.create,
  OP.mkdir,
  OP.mknod,
  OP.symlink,
  OP.link,
  OP.unlink,
  OP.rmdir,
  OP.rename,
  OP.rename2,
]);

/** Writes what is known of a folder that was just changed; its size, 0 where nothing is to be told. `folder` is one that is known. */
export function putFolderAttrs(state: FuseState, at: number, folder: FuseNode): number {
  if (state.options.times.attrsMs === 0) return 0;
  state.out = at + FOLDER_NOTE_BYTES;
  if (state.answerAttrs(folder) < 0) return 0;
  return head(state, at, folder.id, FOLDER_TOLD.attrs, FOLDER_ATTRS_BYTES);
}

/**
 * The same of a folder that was just made: that nothing is in it, and each name that others make in it will be told. Its names are
 * looked for after it is watched, so that nothing falls between.
 */
export function putEmptyFolder(state: FuseState, at: number, folder: FuseNode): number {
  const { nodes, posix, options } = state;
  if (options.times.namesMs === 0 || !folder.isFolder) return 0;
  const pathFd = nodes.folderFd(folder);
  if (pathFd < 0 || folder.watch <= 0) return 0;
  const fd = posix.names.reopen(pathFd, 0);
  if (fd < 0) return 0;
  const isEmpty = holdsNothing(state, fd);
  posix.data.close(fd);
  return isEmpty ? head(state, at, folder.id, FOLDER_TOLD.isEmpty, FOLDER_NOTE_BYTES) : 0;
}

/** Only `.` and `..`, `struct linux_dirent64`. */
function holdsNothing({ posix }: FuseState, fd: number): boolean {
  const count = posix.data.list(fd, PLACE.list, PLACE.listBytes, 0n);
  if (count < 0) return false;
  const { bytes, view } = posix.memory;
  for (let at = PLACE.list; at < PLACE.list + count; at += view.getUint16(at + 16, true)) {
    const name = bytes.toString('latin1', at + 19, bytes.indexOf(0, at + 19));
    if (name !== '.' && name !== '..') return false;
  }
  return true;
}

function head({ view }: FuseState, at: number, id: number, told: number, sizeBytes: number): number {
  view.setUint32(at, sizeBytes, true);
  view.setInt32(at + 4, NOTICE_FOLDER, true);
  view.setBigUint64(at + 8, 0n, true);
  view.setBigUint64(at + OUT_HEADER_BYTES, BigInt(id), true);
  view.setUint32(at + OUT_HEADER_BYTES + 8, told, true);
  view.setUint32(at + OUT_HEADER_BYTES + 12, 0, true);
  return sizeBytes;
}
