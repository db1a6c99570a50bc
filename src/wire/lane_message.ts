import { concat } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeSegments, encodeSegments, type PatchSegment } from './patch.ts';

/**
 * Messages of a lane, all from source to sink, little endian.
 *
 * chunk: type u8 = 1, zero u8, version u16 of the file (0 first, +1 each time the source changed), file u32, index u32, length u32, hash 32 bytes, then the bytes.
 * patch: type u8 = 3, then as chunk, but after the hash the segments (patch.ts) and only the bytes that the sink does not have.
 * zeros: type u8 = 4, then as chunk, without the bytes: all of them are zero.
 * compressed: type u8 = 5, zero u8, zero u16, head length u32, plain length u32, then the head: a chunk, patch or pack up to where its bytes begin; then a zstd frame (RFC 8878) that holds these bytes, as many as the plain length says.
 * pack:  type u8 = 2, zero u8, count u16, then per file: file u32, length u32, hash 32 bytes; then the bytes, one file after the other.
 */
export const LANE_CHUNK = 1;
export const LANE_PACK = 2;
export const LANE_PATCH = 3;
export const LANE_ZEROS = 4;
export const LANE_COMPRESSED = 5;
export const CHUNK_HEADER_BYTES = 48;
export const COMPRESSED_HEADER_BYTES = 12;
export const PACK_HEADER_BYTES = 4;
export const PACK_ENTRY_BYTES = 40;
const HASH = 32;

export interface PackEntry {
  readonly file: number;
  readonly hash: Uint8Array;
  readonly data: Uint8Array;
}

/** A message whose bytes make a frame. */
export interface CompressedMessage {
  /** What the message begins with; its bytes would follow. */
  readonly head: Uint8Array;
  readonly plainBytes: number;
  readonly frame: Uint8Array;
}

export type LaneMessage =
  | {
      readonly type: 'chunk';
      readonly file: number;
      readonly version: number;
      readonly index: number;
      readonly hash: Uint8Array;
      readonly data: Uint8Array;
    }
  | ({ readonly type: 'patch' } & PatchMessage)
  | ({ readonly type: 'zeros' } & ChunkHeader)
  | { readonly type: 'pack'; readonly entries: readonly PackEntry[] };

/** What travels on a lane. */
export type SentLaneMessage = LaneMessage | ({ readonly type: 'compressed' } & CompressedMessage);

/** A chunk of which the sink has a part. */
export interface PatchMessage extends ChunkHeader {
  readonly segments: readonly PatchSegment[];
  /** The literal bytes of all segments. */
  readonly data: Uint8Array;
}

export interface ChunkHeader {
  readonly file: number;
  readonly version: number;
  readonly index: number;
  readonly lengthBytes: number;
  readonly hash: Uint8Array;
}

export function encodeChunkHeader(header: ChunkHeader): Uint8Array {
  return headerOf(LANE_CHUNK, header);
}

/** `lengthBytes` of the header is that of the whole chunk. The literal bytes follow. */
export function encodePatchHeader(header: ChunkHeader, segments: readonly PatchSegment[]): Uint8Array {
  return concat([headerOf(LANE_PATCH, header), encodeSegments(segments)]);
}

export function encodeZerosHeader(header: ChunkHeader): Uint8Array {
  return headerOf(LANE_ZEROS, header);
}

/** What a chunk of zeros counts in the window of what is sent and not settled. */
export function zerosWindowBytes(lengthBytes: number): number {
  return Math.min(lengthBytes, LIMITS.zeroChunkWindowBytes.value);
}

function headerOf(type: number, { file, version, index, lengthBytes, hash }: ChunkHeader): Uint8Array {
  const header = new Uint8Array(CHUNK_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint8(0, type);
  view.setUint16(2, version, true);
  view.setUint32(4, file, true);
  view.setUint32(8, index, true);
  view.setUint32(12, lengthBytes, true);
  header.set(hash, 16);
  return header;
}

export function encodePackHeader(
  entries: readonly { file: number; lengthBytes: number; hash: Uint8Array }[],
): Uint8Array {
  const header = new Uint8Array(PACK_HEADER_BYTES + entries.length * PACK_ENTRY_BYTES);
  const view = new DataView(header.buffer);
  view.setUint8(0, LANE_PACK);
  view.setUint16(2, entries.length, true);
  let at = PACK_HEADER_BYTES;
  for (const entry of entries) {
    view.setUint32(at, entry.file, true);
    view.setUint32(at + 4, entry.lengthBytes, true);
    header.set(entry.hash, at + 8);
    at += PACK_ENTRY_BYTES;
  }
  return header;
}

/** The head of a message and the frame of `plainBytes` bytes follow. */
export function encodeCompressedHeader(headBytes: number, plainBytes: number): Uint8Array {
  const header = new Uint8Array(COMPRESSED_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint8(0, LANE_COMPRESSED);
  view.setUint32(4, headBytes, true);
  view.setUint32(8, plainBytes, true);
  return header;
}

/**
 * A message as it travels. Throws CW_WIRE_MALFORMED or CW_WIRE_TRUNCATED; the arrays in the result are views of `bytes`.
 * Of a compressed one neither head nor frame are looked into: with the bytes of the frame behind it, the head is what
 * {@link decodeLaneMessage} reads.
 */
export function decodeSentLaneMessage(bytes: Uint8Array): SentLaneMessage {
  return bytes[0] === LANE_COMPRESSED ? decodeCompressed(bytes) : decodeLaneMessage(bytes);
}

/** Bytes of a patch that do not travel, compressed or not: the sink has them. 0 for other messages. */
export function heldBackBytes(message: SentLaneMessage): number {
  if (message.type === 'patch') return message.lengthBytes - message.data.byteLength;
  if (message.type !== 'compressed' || message.head[0] !== LANE_PATCH) return 0;
  const { lengthBytes } = decodeHeader(message.head, viewOf(message.head));
  return Math.max(0, lengthBytes - message.plainBytes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeCompressed(bytes: Uint8Array): SentLaneMessage {
  if (bytes.byteLength < COMPRESSED_HEADER_BYTES) throw truncated();
  const view = viewOf(bytes);
  if (view.getUint8(1) !== 0 || view.getUint16(2, true) !== 0) throw notZero();
  const headBytes = view.getUint32(4, true);
  const plainBytes = view.getUint32(8, true);
  const frameAt = COMPRESSED_HEADER_BYTES + headBytes;
  if (frameAt >= bytes.byteLength) throw truncated();
  if (headBytes + plainBytes > LIMITS.frameMaxBytes.value)
    throw new CausewayError('CW_WIRE_TOO_LARGE', `a compressed message of ${plainBytes} bytes`);
  const head = bytes.subarray(COMPRESSED_HEADER_BYTES, frameAt);
  if (headBytes < PACK_HEADER_BYTES || head[0] === LANE_COMPRESSED || head[0] === LANE_ZEROS)
    throw new CausewayError('CW_WIRE_MALFORMED', 'a compressed message without bytes of files');
  return { type: 'compressed', head, plainBytes, frame: bytes.subarray(frameAt) };
}

function notZero(): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', 'a reserved byte of a lane message is not zero');
}

/** A message that is not compressed. Throws CW_WIRE_MALFORMED or CW_WIRE_TRUNCATED; the arrays in the result are views of `bytes`. */
export function decodeLaneMessage(bytes: Uint8Array): LaneMessage {
  if (bytes.byteLength < PACK_HEADER_BYTES) throw truncated();
  const view = viewOf(bytes);
  const type = view.getUint8(0);
  if (view.getUint8(1) !== 0) throw notZero();
  if (type === LANE_CHUNK) return decodeChunk(bytes, view);
  if (type === LANE_PATCH) return decodePatch(bytes, view);
  if (type === LANE_ZEROS) return decodeZeros(bytes, view);
  if (type === LANE_PACK) return decodePack(bytes, view);
  throw new CausewayError('CW_WIRE_MALFORMED', `lane message of unknown type ${type}`);
}

function decodeChunk(bytes: Uint8Array, view: DataView): LaneMessage {
  const { lengthBytes, ...header } = decodeHeader(bytes, view);
  if (lengthBytes !== bytes.byteLength - CHUNK_HEADER_BYTES) throw truncated();
  return { type: 'chunk', ...header, data: bytes.subarray(CHUNK_HEADER_BYTES) };
}

function decodePatch(bytes: Uint8Array, view: DataView): LaneMessage {
  const header = decodeHeader(bytes, view);
  return {
    type: 'patch',
    ...header,
    ...decodeSegments(bytes.subarray(CHUNK_HEADER_BYTES), header.lengthBytes),
  };
}

function decodeZeros(bytes: Uint8Array, view: DataView): LaneMessage {
  const header = decodeHeader(bytes, view);
  if (bytes.byteLength !== CHUNK_HEADER_BYTES) throw truncated();
  return { type: 'zeros', ...header };
}

function decodeHeader(bytes: Uint8Array, view: DataView): ChunkHeader {
  if (bytes.byteLength < CHUNK_HEADER_BYTES) throw truncated();
  return {
    file: view.getUint32(4, true),
    version: view.getUint16(2, true),
    index: view.getUint32(8, true),
    lengthBytes: view.getUint32(12, true),
    hash: bytes.subarray(16, 16 + HASH),
  };
}

function decodePack(bytes: Uint8Array, view: DataView): LaneMessage {
  const count = view.getUint16(2, true);
  if (count === 0 || count > LIMITS.packFilesMax.value) {
    throw new CausewayError('CW_WIRE_MALFORMED', `a pack of ${count} files`);
  }
  let data = PACK_HEADER_BYTES + count * PACK_ENTRY_BYTES;
  if (bytes.byteLength < data) throw truncated();
  const entries: PackEntry[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = PACK_HEADER_BYTES + i * PACK_ENTRY_BYTES;
    const length = view.getUint32(at + 4, true);
    if (data + length > bytes.byteLength) throw truncated();
    entries.push({
      file: view.getUint32(at, true),
      hash: bytes.subarray(at + 8, at + 8 + HASH),
      data: bytes.subarray(data, data + length),
    });
    data += length;
  }
  if (data !== bytes.byteLength) throw truncated();
  return { type: 'pack', entries };
}

function truncated(): CausewayError {
  return new CausewayError('CW_WIRE_TRUNCATED', 'a lane message has another length than it says');
}
