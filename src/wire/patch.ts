import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** A part of a chunk: first bytes that travel, then bytes that the sink copies from the version it has. */
export interface PatchSegment {
  readonly literalBytes: number;
  readonly copyBytes: number;
  /** Where in the sink's version the copied bytes begin. */
  readonly copyFrom: number;
}

/*
 * Segments of a patch, little endian: count u32, then for each literalBytes u32, copyBytes u32, copyFrom u64.
 */
const COUNT_BYTES = 4;
export const PATCH_SEGMENT_BYTES = 16;

export function encodeSegments(segments: readonly PatchSegment[]): Uint8Array {
  const bytes = new Uint8Array(COUNT_BYTES + segments.length * PATCH_SEGMENT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, segments.length, true);
  let at = COUNT_BYTES;
  for (const { literalBytes, copyBytes, copyFrom } of segments) {
    view.setUint32(at, literalBytes, true);
    view.setUint32(at + 4, copyBytes, true);
    view.setBigUint64(at + 8, BigInt(copyFrom), true);
    at += PATCH_SEGMENT_BYTES;
  }
  return bytes;
}

/**
 * Reads segments and the literal bytes behind them. They must add up to `lengthBytes` and to what is there.
 * Throws CW_WIRE_TRUNCATED or CW_WIRE_MALFORMED; `data` is a view of `bytes`.
 */
export function decodeSegments(
  bytes: Uint8Array,
  lengthBytes: number,
): { readonly segments: readonly PatchSegment[]; readonly data: Uint8Array } {
  if (bytes.byteLength < COUNT_BYTES) throw truncated();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true);
  if (count === 0 || count > LIMITS.patchSegmentsMax.value)
    throw new CausewayError('CW_WIRE_MALFORMED', `a patch of ${count} segments`);
  const data = COUNT_BYTES + count * PATCH_SEGMENT_BYTES;
  if (bytes.byteLength < data) throw truncated();
  const segments: PatchSegment[] = [];
  let literalBytes = 0;
  let allBytes = 0;
  for (let at = COUNT_BYTES; at < data; at += PATCH_SEGMENT_BYTES) {
    const segment = {
      literalBytes: view.getUint32(at, true),
      copyBytes: view.getUint32(at + 4, true),
      copyFrom: Number(view.getBigUint64(at + 8, true)),
    };
    if (!Number.isSafeInteger(segment.copyFrom + segment.copyBytes))
      throw new CausewayError('CW_WIRE_MALFORMED', 'a patch copies from beyond any file');
    literalBytes += segment.literalBytes;
    allBytes += segment.literalBytes + segment.copyBytes;
    segments.push(segment);
  }
  if (bytes.byteLength - data !== literalBytes || allBytes !== lengthBytes) throw truncated();
  return { segments, data: bytes.subarray(data) };
}

function truncated(): CausewayError {
  return new CausewayError('CW_WIRE_TRUNCATED', 'a patch has another length than it says');
}
