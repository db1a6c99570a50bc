import type { TreeEntry, TreeNode, TreeSpace } from '../../../tree/files/file_tree.ts';
import { putId } from '../frame.ts';
import { ATTR_OUT_BYTES, DIRENT_BYTES, ENTRY_BYTES, KIND_FILE, KIND_FOLDER, KIND_LINK } from '../protocol.ts';

/* Bodies of answers to the kernel, `include/uapi/linux/fuse.h` of Linux. */

const NS_PER_S = 1_000_000_000n;
const BLOCK_BYTES = 4_096;
const SECTOR_BYTES = 512;
const NAME_MAX_BYTES = 255;
const KINDS = { file: KIND_FILE, directory: KIND_FOLDER, symlink: KIND_LINK, other: 0o010000 } as const;
/** Of `struct dirent`. */
const TYPES = { file: 8, directory: 4, symlink: 10, other: 1 } as const;

/** What the kernel is told of a node. */
export interface Shown {
  readonly id: number;
  readonly node: TreeNode;
  /** How long it may believe that. */
  readonly cacheMs: number;
}

const bodyOf = (sizeBytes: number) => new DataView(new ArrayBuffer(sizeBytes));
const bytesOf = (view: DataView) => new Uint8Array(view.buffer);

export function entryBody(shown: Shown, more = 0): Uint8Array {
  const view = bodyOf(ENTRY_BYTES + more);
  writeEntry(view, 0, shown);
  return bytesOf(view);
}

export function attrBody({ id, node, cacheMs }: Shown): Uint8Array {
  const view = bodyOf(ATTR_OUT_BYTES);
  putTime(view, 0, 8, cacheMs);
  writeAttr(view, 16, id, node);
  return bytesOf(view);
}

/** An open file, behind `before` bytes of another structure. */
export function openBody(handle: number, flags = 0): Uint8Array {
  const view = bodyOf(16);
  putId(view, 0, handle);
  view.setUint32(8, flags, true);
  return bytesOf(view);
}

export function writtenBody(sizeBytes: number): Uint8Array {
  const view = bodyOf(8);
  view.setUint32(0, sizeBytes, true);
  return bytesOf(view);
}

export function spaceBody({ freeBytes, totalBytes }: TreeSpace): Uint8Array {
  const view = bodyOf(80);
  const blocks = (sizeBytes: number) => BigInt(Math.floor(sizeBytes / BLOCK_BYTES));
  view.setBigUint64(0, blocks(totalBytes), true);
  view.setBigUint64(8, blocks(freeBytes), true);
  view.setBigUint64(16, blocks(freeBytes), true);
  view.setUint32(40, BLOCK_BYTES, true);
  view.setUint32(44, NAME_MAX_BYTES, true);
  view.setUint32(48, BLOCK_BYTES, true);
  return bytesOf(view);
}

/** The size of an entry in a listing, with its attributes where `isPlus`. */
export function listedBytes(nameBytes: number, isPlus: boolean): number {
  return (isPlus ? ENTRY_BYTES : 0) + ((DIRENT_BYTES + nameBytes + 7) & ~7);
}

/** Writes one; `next` is where a listing goes on behind it. `shown` is null without attributes. */
export function writeListed(
  into: Buffer,
  at: number,
  { name, node }: Pick<TreeEntry, 'node'> & { readonly name: string },
  next: number,
  shown: Shown | null,
): void {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  if (shown !== null) writeEntry(view, at, shown);
  const head = at + (shown === null ? 0 : ENTRY_BYTES);
  putId(view, head, shown?.id ?? 1);
  putId(view, head + 8, next);
  view.setUint32(head + 16, Buffer.byteLength(name), true);
  view.setUint32(head + 20, TYPES[node.kind], true);
  into.write(name, head + DIRENT_BYTES);
}

function writeEntry(view: DataView, at: number, { id, node, cacheMs }: Shown): void {
  putId(view, at, id);
  putTime(view, at + 16, at + 32, cacheMs);
  putTime(view, at + 24, at + 36, cacheMs);
  writeAttr(view, at + 40, id, node);
}

function putTime(view: DataView, secondsAt: number, nanosAt: number, durationMs: number): void {
  putId(view, secondsAt, Math.floor(durationMs / 1_000));
  view.setUint32(nanosAt, (durationMs % 1_000) * 1_000_000, true);
}

/** `struct fuse_attr`. */
function writeAttr(view: DataView, at: number, id: number, node: TreeNode): void {
  const time = (secondsAt: number, nanosAt: number, ns: bigint) => {
    const nanos = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S;
    view.setBigInt64(at + secondsAt, (ns - nanos) / NS_PER_S, true);
    view.setUint32(at + nanosAt, Number(nanos), true);
  };
  putId(view, at, id);
  putId(view, at + 8, node.sizeBytes);
  putId(view, at + 16, Math.ceil(node.allocatedBytes / SECTOR_BYTES));
  time(24, 48, node.mtimeNs);
  time(32, 52, node.mtimeNs);
  time(40, 56, node.ctimeNs);
  view.setUint32(at + 60, KINDS[node.kind] | node.mode, true);
  view.setUint32(at + 64, node.linkCount, true);
  view.setUint32(at + 68, node.userId, true);
  view.setUint32(at + 72, node.groupId, true);
  view.setUint32(at + 80, BLOCK_BYTES, true);
}
