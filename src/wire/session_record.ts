import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { crc32c } from './crc32c.ts';

/*
 * A session record: a header of eight bytes (type u8, flags u8, reserved u16 = 0, payload length u32; little endian)
 * and the payload. Where no TLS protects the carrier the header is followed by its CRC32C (u32) and the payload by
 * its own, so that a record has 8 or 12 bytes in front and 0 or 4 behind.
 *
 *   data   1..sessionRecordMaxBytes reliable bytes; flag `acknowledge`: the sender wants an ack after this record
 *   ack    u64: reliable bytes received so far
 *   ping   u64: comes back unchanged in a pong
 *   close  why the session ends for good (see reason.ts)
 */
export const RECORD_TYPES = { data: 1, ack: 2, ping: 3, pong: 4, close: 5 } as const;
export type RecordType = keyof typeof RECORD_TYPES;

export const RECORD_FLAG_ACKNOWLEDGE = 1;
export const RECORD_HEADER_BYTES = 8;
export const RECORD_CRC_BYTES = 4;
/** Payload of ack, ping and pong. */
export const RECORD_NUMBER_BYTES = 8;

const TYPE_NAMES: readonly (RecordType | undefined)[] = [undefined, 'data', 'ack', 'ping', 'pong', 'close'];

export interface RecordHeader {
  readonly type: RecordType;
  readonly acknowledge: boolean;
  readonly lengthBytes: number;
}

/** Bytes in front of a payload. */
export function recordHeaderBytes(withCrc: boolean): number {
  return withCrc ? RECORD_HEADER_BYTES + RECORD_CRC_BYTES : RECORD_HEADER_BYTES;
}

/** Writes header (and its CRC) at `at`; returns the offset behind it. */
export function writeRecordHeader(
  target: Uint8Array,
  at: number,
  header: RecordHeader,
  withCrc: boolean,
): number {
  target[at] = RECORD_TYPES[header.type];
  target[at + 1] = header.acknowledge ? RECORD_FLAG_ACKNOWLEDGE : 0;
  target[at + 2] = 0;
  target[at + 3] = 0;
  writeU32(target, at + 4, header.lengthBytes);
  if (!withCrc) return at + RECORD_HEADER_BYTES;
  writeU32(target, at + RECORD_HEADER_BYTES, crc32c(target.subarray(at, at + RECORD_HEADER_BYTES)));
  return at + RECORD_HEADER_BYTES + RECORD_CRC_BYTES;
}

/**
 * Reads the header (and its CRC) at `at`, where {@link recordHeaderBytes} bytes stand. Throws CW_WIRE_CRC for a
 * damaged one, CW_WIRE_TOO_LARGE for a length beyond the limit of its type, CW_WIRE_MALFORMED for anything else.
 */
export function readRecordHeader(source: Uint8Array, at: number, withCrc: boolean): RecordHeader {
  if (withCrc) {
    const sum = crc32c(source.subarray(at, at + RECORD_HEADER_BYTES));
    if (sum !== readU32(source, at + RECORD_HEADER_BYTES)) {
      throw new CausewayError('CW_WIRE_CRC', 'the header of a session record is damaged');
    }
  }
  const type = TYPE_NAMES[source[at] as number];
  const flags = source[at + 1] as number;
  if (type === undefined) throw malformed(`unknown session record type ${source[at]}`);
  if (source[at + 2] !== 0 || source[at + 3] !== 0)
    throw malformed('reserved bytes of a session record are set');
  if ((flags & ~RECORD_FLAG_ACKNOWLEDGE) !== 0 || (flags !== 0 && type !== 'data')) {
    throw malformed(`unknown flags ${flags} in a session record of type ${type}`);
  }
  const lengthBytes = readU32(source, at + 4);
  checkLength(type, lengthBytes);
  return { type, acknowledge: flags !== 0, lengthBytes };
}

/** Throws CW_WIRE_CRC unless `sum` is the CRC that stands at `at`. */
export function checkPayloadCrc(sum: number, source: Uint8Array, at: number): void {
  if (sum !== readU32(source, at)) {
    throw new CausewayError('CW_WIRE_CRC', 'the payload of a session record is damaged');
  }
}

/** A complete ack, ping or pong. */
export function encodeNumberRecord(
  type: 'ack' | 'ping' | 'pong',
  value: number,
  withCrc: boolean,
): Uint8Array {
  const payload = new Uint8Array(RECORD_NUMBER_BYTES);
  writeU64(payload, 0, value);
  return encodeRecord(type, payload, withCrc);
}

/** A complete record; for the small ones. */
export function encodeRecord(type: RecordType, payload: Uint8Array, withCrc: boolean): Uint8Array {
  const headerBytes = recordHeaderBytes(withCrc);
  const out = new Uint8Array(headerBytes + payload.byteLength + (withCrc ? RECORD_CRC_BYTES : 0));
  writeRecordHeader(out, 0, { type, acknowledge: false, lengthBytes: payload.byteLength }, withCrc);
  out.set(payload, headerBytes);
  if (withCrc) writeU32(out, headerBytes + payload.byteLength, crc32c(payload));
  return out;
}

/** The number of an ack, ping or pong. Throws CW_WIRE_MALFORMED beyond 2^53 - 1. */
export function readU64(source: Uint8Array, at: number): number {
  const high = readU32(source, at + 4);
  if (high > 0x1f_ffff) throw malformed('a number in a session record is beyond 2^53');
  return high * 0x1_0000_0000 + readU32(source, at);
}

export function writeU64(target: Uint8Array, at: number, value: number): void {
  writeU32(target, at, value % 0x1_0000_0000);
  writeU32(target, at + 4, Math.floor(value / 0x1_0000_0000));
}

export function readU32(source: Uint8Array, at: number): number {
  const low = (source[at] as number) | ((source[at + 1] as number) << 8) | ((source[at + 2] as number) << 16);
  return (low | ((source[at + 3] as number) << 24)) >>> 0;
}

export function writeU32(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

function checkLength(type: RecordType, lengthBytes: number): void {
  if (type === 'data') {
    if (lengthBytes > LIMITS.sessionRecordMaxBytes.value) throw tooLarge(type, lengthBytes);
    if (lengthBytes === 0) throw malformed('an empty data record');
  } else if (type === 'close') {
    if (lengthBytes > LIMITS.reasonMaxBytes.value) throw tooLarge(type, lengthBytes);
  } else if (lengthBytes !== RECORD_NUMBER_BYTES) {
    throw malformed(`a session record of type ${type} with ${lengthBytes} bytes`);
  }
}

function tooLarge(type: RecordType, lengthBytes: number): CausewayError {
  return new CausewayError('CW_WIRE_TOO_LARGE', `a session record of type ${type} with ${lengthBytes} bytes`);
}

function malformed(message: string): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', message);
}
