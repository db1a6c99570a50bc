import { fromUtf8 } from '../../../base/bytes.ts';
import { CausewayError } from '../../../base/errors.ts';
import type { TreeNode } from '../../../tree/files/file_tree.ts';
import { DIRENT_BYTES, ENTRY_BYTES, KIND_FILE, KIND_FOLDER, KIND_LINK, KIND_MASK } from '../protocol.ts';

/* Bodies of answers, `include/uapi/linux/fuse.h` of Linux, as a server writes them. */

const NS_PER_S = 1_000_000_000n;
const BLOCK_BYTES = 512;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What an answer tells of a node, and for how many ms that may be believed. */
export interface ToldNode {
  readonly node: TreeNode;
  readonly attrsMs: number;
}

export interface ToldEntry extends ToldNode {
  readonly id: bigint;
  readonly nameMs: number;
}

export interface ListedEntry {
  /** Null where it is no valid UTF-8. */
  readonly name: string | null;
  /** Null of `.` and `..`, and of what was gone meanwhile. */
  readonly entry: ToldEntry | null;
}

/** `struct fuse_entry_out`. CW_WIRE_MALFORMED. */
export function entryOf(body: Uint8Array): ToldEntry {
  if (body.byteLength < ENTRY_BYTES) throw short('an entry');
  return entryAt(viewOf(body), 0);
}

/** `struct fuse_attr_out`. CW_WIRE_MALFORMED. */
export function attrsIn(body: Uint8Array): ToldNode {
  if (body.byteLength < 104) throw short('attributes');
  const view = viewOf(body);
  return { node: nodeAt(view, 16), attrsMs: timeAt(view, 0, 8) };
}

/** `fh` of `struct fuse_open_out`, which stands at `at`. CW_WIRE_MALFORMED. */
export function handleIn(body: Uint8Array, at = 0): bigint {
  if (body.byteLength < at + 16) throw short('an open file');
  return viewOf(body).getBigUint64(at, true);
}

/** `struct fuse_write_out`. CW_WIRE_MALFORMED. */
export function writtenIn(body: Uint8Array): number {
  if (body.byteLength < 8) throw short('a write');
  return viewOf(body).getUint32(0, true);
}

/** `struct fuse_kstatfs`. CW_WIRE_MALFORMED. */
export function spaceIn(body: Uint8Array): { readonly freeBytes: number; readonly totalBytes: number } {
  if (body.byteLength < 52) throw short('space');
  const view = viewOf(body);
  const unit = view.getUint32(48, true) || view.getUint32(40, true);
  const bytesAt = (at: number) => Number(view.getBigUint64(at, true)) * unit;
  return { totalBytes: bytesAt(0), freeBytes: bytesAt(16) };
}

/** A page of READDIRPLUS, and where the next one begins. CW_WIRE_MALFORMED. */
export function listedIn(body: Uint8Array): { readonly entries: ListedEntry[]; readonly next: bigint } {
  const view = viewOf(body);
  const entries: ListedEntry[] = [];
  let next = 0n;
  for (let at = 0; at < body.byteLength; ) {
    const head = at + ENTRY_BYTES;
    if (head + DIRENT_BYTES > body.byteLength) throw short('a listing');
    const nameBytes = view.getUint32(head + 16, true);
    const nameAt = head + DIRENT_BYTES;
    if (nameBytes === 0 || nameAt + nameBytes > body.byteLength) throw short('a listing');
    next = view.getBigUint64(head + 8, true);
    const isTold = view.getBigUint64(at, true) !== 0n;
    entries.push({
      name: fromUtf8(body.subarray(nameAt, nameAt + nameBytes)),
      entry: isTold ? entryAt(view, at) : null,
    });
    at += (ENTRY_BYTES + DIRENT_BYTES + nameBytes + 7) & ~7;
  }
  return { entries, next };
}

function entryAt(view: DataView, at: number): ToldEntry {
  return {
    id: view.getBigUint64(at, true),
    nameMs: timeAt(view, at + 16, at + 32),
    attrsMs: timeAt(view, at + 24, at + 36),
    node: nodeAt(view, at + 40),
  };
}

function timeAt(view: DataView, secondsAt: number, nanosAt: number): number {
  return Number(view.getBigUint64(secondsAt, true)) * 1_000 + view.getUint32(nanosAt, true) / 1_000_000;
}

/** `struct fuse_attr`. */
function nodeAt(view: DataView, at: number): TreeNode {
  const mode = view.getUint32(at + 60, true);
  const time = (secondsAt: number, nanosAt: number) =>
    view.getBigInt64(at + secondsAt, true) * NS_PER_S + BigInt(view.getUint32(at + nanosAt, true));
  return {
    id: String(view.getBigUint64(at, true)),
    kind: kindOf(mode),
    sizeBytes: Number(view.getBigUint64(at + 8, true)),
    allocatedBytes: Number(view.getBigUint64(at + 16, true)) * BLOCK_BYTES,
    mode: mode & 0o7777,
    userId: view.getUint32(at + 68, true),
    groupId: view.getUint32(at + 72, true),
    mtimeNs: time(32, 52),
    ctimeNs: time(40, 56),
    linkCount: view.getUint32(at + 64, true),
    target: null,
  };
}

function kindOf(mode: number): TreeNode['kind'] {
  const kind = mode & KIND_MASK;
  if (kind === KIND_FILE) return 'file';
  if (kind === KIND_FOLDER) return 'directory';
  return kind === KIND_LINK ? 'symlink' : 'other';
}

function short(what: string): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', `the other machine told of ${what} with too few bytes`);
}
