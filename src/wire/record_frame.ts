import { assert } from '../base/assert.ts';
import { concat } from '../base/bytes.ts';
import { crc32c } from './crc32c.ts';

/*
 * Append-only files of records: magic, version u32 LE, then records of length u32 LE, type u8, payload of that length,
 * CRC32C u32 LE over all of these.
 */

export const RECORD_HEAD_BYTES = 5;
export const RECORD_CRC_BYTES = 4;
export const RECORD_PRELUDE_BYTES = 12;

/** What such a file starts with: 8 bytes of magic, version u32 LE. */
export function recordPrelude(magic: Uint8Array, version: number): Uint8Array {
  const start = concat([magic, new Uint8Array(4)]);
  new DataView(start.buffer).setUint32(magic.byteLength, version, true);
  return start;
}

/** The bytes to append for one record. A payload beyond `maxBytes` is a bug of the caller. */
export function frameRecord(type: number, payload: Uint8Array, maxBytes: number): Uint8Array {
  assert(payload.byteLength <= maxBytes, 'a record is within its limit');
  const crcAt = RECORD_HEAD_BYTES + payload.byteLength;
  const encoded = new Uint8Array(crcAt + RECORD_CRC_BYTES);
  const view = new DataView(encoded.buffer);
  view.setUint32(0, payload.byteLength, true);
  view.setUint8(4, type);
  encoded.set(payload, RECORD_HEAD_BYTES);
  view.setUint32(crcAt, crc32c(encoded.subarray(0, crcAt)), true);
  return encoded;
}
