import { equalBytes } from '../../base/bytes.ts';
import { HASH_BYTES } from '../../base/hash.ts';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from '../../world/cryptography.ts';

/*
 * A segment is a file of audit records: a header of 192 bytes, then frames. All integers are little-endian.
 *
 * header  0 magic 8 | 8 version u32 | 12 segment u32 | 16 log id 16 | 32 first sequence u64 | 40 created ms u64
 *         48 size of the segment before, where it ended, u64 | 56 chain before 32 | 88 wrapping key id 16
 *         104 nonce 12, wrapped data key 32, tag 16 | 164 nonce 12, tag 16
 * frame   0 magic 4 | 4 kind u32 | 8 records u32 | 12 sealed bytes u32 | 16 first sequence u64 | 24 nonce 12
 *         36 sealed: plain text, tag 16
 *
 * The first tag of the header proves the wrapped key; the second one, under that key, all that stands before it. The tag
 * of a frame also proves its first 36 bytes. The plain text of a frame is the chain value before it, 32 bytes, then for
 * each item: length u32, item, chain value after it 32. The items are records, or the one footer that closes a segment,
 * both CBOR. A segment in which a write failed has no footer and may hold anything behind its end, which the next one
 * names: nothing is ever cut off. A chain value is BLAKE3 of the chain value before, the length and the item; the header counts as an item.
 */

export const SEGMENT_MAGIC = Uint8Array.of(0x89, 0x43, 0x57, 0x41, 0x55, 0x44, 0x0d, 0x0a);
export const SEGMENT_VERSION = 1;
export const LOG_ID_BYTES = 16;
export const WRAP_BYTES = AEAD_NONCE_BYTES + AEAD_KEY_BYTES + AEAD_TAG_BYTES;
/** What the second tag of the header covers. */
export const HEADER_PROVEN_BYTES = 104 + WRAP_BYTES;
export const HEADER_BYTES = HEADER_PROVEN_BYTES + AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

export const FRAME_MAGIC = Uint8Array.of(0xf3, 0x43, 0x57, 0x46);
export const FRAME_KIND = { records: 1, footer: 2 } as const;
export const FRAME_HEAD_BYTES = 36;
export const ITEM_LENGTH_BYTES = 4;

const TWO_32 = 2 ** 32;

/** Before the first record of a log. */
export const NO_CHAIN = new Uint8Array(HASH_BYTES);

export interface HeaderFields {
  readonly segment: number;
  readonly logId: Uint8Array;
  readonly firstSequence: number;
  readonly createdAtMs: number;
  /** Where the segment before ended, in bytes of its file. */
  readonly previousBytes: number;
  readonly chainBefore: Uint8Array;
  /** 16 bytes of ASCII. */
  readonly wrappingKeyId: string;
  readonly wrappedKey: Uint8Array;
}

/** The first {@link HEADER_PROVEN_BYTES} of a header. */
export function encodeHeaderFields(fields: HeaderFields): Uint8Array {
  const bytes = new Uint8Array(HEADER_PROVEN_BYTES);
  const view = viewOf(bytes);
  bytes.set(SEGMENT_MAGIC);
  view.setUint32(8, SEGMENT_VERSION, true);
  view.setUint32(12, fields.segment, true);
  bytes.set(fields.logId, 16);
  view.setBigUint64(32, BigInt(fields.firstSequence), true);
  view.setBigUint64(40, BigInt(Math.max(0, Math.floor(fields.createdAtMs))), true);
  view.setBigUint64(48, BigInt(fields.previousBytes), true);
  bytes.set(fields.chainBefore, 56);
  bytes.set(Buffer.from(fields.wrappingKeyId, 'latin1'), 88);
  bytes.set(fields.wrappedKey, 104);
  return bytes;
}

/** Null where it does not begin as a segment of this version does. */
export function decodeHeaderFields(bytes: Uint8Array): HeaderFields | null {
  if (bytes.byteLength < HEADER_BYTES || !equalBytes(bytes.subarray(0, 8), SEGMENT_MAGIC)) return null;
  const view = viewOf(bytes);
  if (view.getUint32(8, true) !== SEGMENT_VERSION) return null;
  return {
    segment: view.getUint32(12, true),
    logId: bytes.slice(16, 32),
    firstSequence: Number(view.getBigUint64(32, true)),
    createdAtMs: Number(view.getBigUint64(40, true)),
    previousBytes: Number(view.getBigUint64(48, true)),
    chainBefore: bytes.slice(56, 88),
    wrappingKeyId: Buffer.from(bytes.subarray(88, 104)).toString('latin1'),
    wrappedKey: bytes.slice(104, HEADER_PROVEN_BYTES),
  };
}

export interface FrameHead {
  readonly kind: number;
  readonly records: number;
  readonly sealedBytes: number;
  readonly firstSequence: number;
  readonly nonce: Uint8Array;
}

export function encodeFrameHead(head: FrameHead): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES);
  const view = viewOf(bytes);
  bytes.set(FRAME_MAGIC);
  view.setUint32(4, head.kind, true);
  view.setUint32(8, head.records, true);
  view.setUint32(12, head.sealedBytes, true);
  view.setBigUint64(16, BigInt(head.firstSequence), true);
  bytes.set(head.nonce, 24);
  return bytes;
}

/** What stands at `at`; null where no whole frame can stand there. Nothing of it is proven. */
export function decodeFrameHead(bytes: Uint8Array, at: number): FrameHead | null {
  if (at + FRAME_HEAD_BYTES + AEAD_TAG_BYTES > bytes.byteLength) return null;
  for (let i = 0; i < FRAME_MAGIC.byteLength; i += 1) if (bytes[at + i] !== FRAME_MAGIC[i]) return null;
  const sealedBytes = u32At(bytes, at + 12);
  if (sealedBytes < AEAD_TAG_BYTES || at + FRAME_HEAD_BYTES + sealedBytes > bytes.byteLength) return null;
  return {
    kind: u32At(bytes, at + 4),
    records: u32At(bytes, at + 8),
    sealedBytes,
    firstSequence: u32At(bytes, at + 16) + u32At(bytes, at + 20) * TWO_32,
    nonce: bytes.subarray(at + 24, at + FRAME_HEAD_BYTES),
  };
}

/** Little-endian, without the cost of a view for each frame. */
function u32At(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
  return low + (bytes[at + 3] as number) * 0x100_0000;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
