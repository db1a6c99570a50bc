import { CborReader } from './cbor_reader.ts';
import type { CborValue } from './cbor_value.ts';
import { CborWriter } from './cbor_writer.ts';

export type { CborMap, CborValue } from './cbor_value.ts';

/**
 * Encodes `value` deterministically (RFC 8949 section 4.2.1): shortest integers and lengths, definite lengths, keys
 * in bytewise order of their encoding. A number that is a safe integer becomes an integer, every other number
 * (also -0 and whole numbers beyond 2^53) a float64; a bigint becomes an integer of at most 64 bits.
 *
 * Throws CW_WIRE_TOO_LARGE above `LIMITS.cborDepthMax` levels or `LIMITS.cborItemsMax` items, CW_WIRE_MALFORMED for
 * text with a lone surrogate and for a key of digits; anything outside {@link CborValue} is a bug of the caller.
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new CborWriter();
  writer.value(value, 0);
  return writer.finish();
}

/**
 * Decodes exactly one value, in exactly the form that {@link encodeCbor} gives it. The result shares no memory with
 * `bytes`. What is allocated stays proportional to `bytes.byteLength`: no length is trusted.
 *
 * Throws CW_WIRE_TRUNCATED where the input ends early, CW_WIRE_TOO_LARGE above `LIMITS.cborDepthMax` levels or
 * `LIMITS.cborItemsMax` items, CW_WIRE_MALFORMED for everything else, and nothing else.
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const reader = new CborReader(bytes);
  const value = reader.value(0);
  reader.expectEnd();
  return value;
}
