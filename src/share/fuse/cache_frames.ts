import { ENTRY_BYTES, IN_HEADER_BYTES, KIND_FILE, KIND_MASK, OP, OUT_HEADER_BYTES } from './protocol.ts';

/* What a cache in front of a mount writes to the other machine, and reads of what passes. */

const STATX_IN_BYTES = 24;
const STATX_AT = OUT_HEADER_BYTES + 32;
const STATX_BYTES = 256;
const ATTR = { size: 8, mtime: 32, ctime: 40, mtimeNs: 52, ctimeNs: 56, bytes: 88 } as const;
const DIRENT_HEAD_BYTES = 24;
const READ_OFFSET_AT = IN_HEADER_BYTES + 8;
const READ_SIZE_AT = IN_HEADER_BYTES + 16;

/** What the other machine says of a file. */
export interface FarLook {
  readonly isFile: boolean;
  readonly file: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly changedMs: number;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Asks what a node is like now, as the one whose request `as` is. */
export function statxFrame(as: Uint8Array, node: bigint, unique: bigint): Uint8Array {
  const frame = new Uint8Array(IN_HEADER_BYTES + STATX_IN_BYTES);
  frame.set(as.subarray(0, IN_HEADER_BYTES));
  const view = viewOf(frame);
  view.setUint32(0, frame.byteLength, true);
  view.setUint32(4, OP.statx, true);
  view.setBigUint64(8, unique, true);
  view.setBigUint64(16, node, true);
  return frame;
}

/** A READ like `as`, of another range. */
export function readFrame(as: Uint8Array, unique: bigint, offset: number, sizeBytes: number): Uint8Array {
  const frame = as.slice();
  const view = viewOf(frame);
  view.setBigUint64(8, unique, true);
  view.setBigUint64(READ_OFFSET_AT, BigInt(offset), true);
  view.setUint32(READ_SIZE_AT, sizeBytes, true);
  return frame;
}

/** Null where the answer is an error, or none to a STATX. */
export function lookOf(answer: Uint8Array): FarLook | null {
  const view = viewOf(answer);
  if (answer.byteLength < STATX_AT + STATX_BYTES || view.getInt32(4, true) !== 0) return null;
  const u32 = (at: number) => view.getUint32(STATX_AT + at, true);
  const u64 = (at: number) => view.getBigUint64(STATX_AT + at, true);
  const sizeBytes = Number(u64(40));
  const [ctime, mtime] = [u64(96), u64(112)];
  return {
    isFile: (view.getUint16(STATX_AT + 28, true) & KIND_MASK) === KIND_FILE,
    file: `${u32(136)}:${u32(140)}:${u64(32)}:${u64(80)}.${u32(88)}`,
    version: versionText(u64(40), mtime, u32(120), ctime, u32(104)),
    sizeBytes,
    changedMs: Number(BigInt.asIntN(64, ctime)) * 1_000 + u32(104) / 1_000_000,
  };
}

const versionText = (size: bigint, mtime: bigint, mtimeNs: number, ctime: bigint, ctimeNs: number) =>
  `${size}:${mtime}.${mtimeNs}:${ctime}.${ctimeNs}`;

/** The version that a `struct fuse_attr` tells. */
function versionAt(view: DataView, at: number): string {
  return versionText(
    view.getBigUint64(at + ATTR.size, true),
    view.getBigUint64(at + ATTR.mtime, true),
    view.getUint32(at + ATTR.mtimeNs, true),
    view.getBigUint64(at + ATTR.ctime, true),
    view.getUint32(at + ATTR.ctimeNs, true),
  );
}

/** Nodes and their versions that an answer tells the kernel of; `asked` is the node that was asked about. */
export function* toldBy(
  opcode: number,
  answer: Uint8Array,
  asked: bigint,
): Generator<readonly [node: bigint, version: string]> {
  const view = viewOf(answer);
  const at = OUT_HEADER_BYTES;
  if (answer.byteLength < at + 16 + ATTR.bytes) return;
  if (opcode === OP.getattr || opcode === OP.setattr) yield [asked, versionAt(view, at + 16)];
  else if (opcode === OP.statx) {
    const look = lookOf(answer);
    if (look !== null) yield [asked, look.version];
  } else if (TELLS_ENTRY.has(opcode) && answer.byteLength >= at + ENTRY_BYTES)
    yield [view.getBigUint64(at, true), versionAt(view, at + 40)];
  else if (opcode === OP.readdirplus)
    for (let next = at; next + ENTRY_BYTES + DIRENT_HEAD_BYTES <= answer.byteLength; ) {
      yield [view.getBigUint64(next, true), versionAt(view, next + 40)];
      const nameBytes = view.getUint32(next + ENTRY_BYTES + 16, true);
      next += (ENTRY_BYTES + DIRENT_HEAD_BYTES + nameBytes + 7) & ~7;
    }
}

const TELLS_ENTRY: ReadonlySet<number> = new Set([OP.lookup, OP.create, OP.link, OP.mknod]);
