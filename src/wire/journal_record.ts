import { assert, unreachable } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { type CborMap, decodeCbor, encodeCbor } from './cbor.ts';
import { bytes, i64, mapOf, text, uint } from './fields.ts';
import { ByteReader } from './reader.ts';
import {
  frameRecord,
  RECORD_CRC_BYTES,
  RECORD_HEAD_BYTES,
  RECORD_PRELUDE_BYTES,
  recordPrelude,
} from './record_frame.ts';

/*
 * The journal of a transfer: an append-only file that begins with its magic and version and goes on with records of
 * length u32 LE, type u8, payload of that length, CRC32C u32 LE over all of these. docs/protocol.md has the tables.
 */

/** Not ASCII first, so that the file is taken for binary; CR LF, so that a conversion of line ends shows. */
export const JOURNAL_MAGIC = Uint8Array.of(0x89, 0x43, 0x57, 0x4a, 0x4e, 0x4c, 0x0d, 0x0a);
export const JOURNAL_VERSION = 1;
export const JOURNAL_PRELUDE_BYTES = RECORD_PRELUDE_BYTES;
export const JOURNAL_RECORD_TYPE = { header: 1, file: 2, chunk: 3, published: 4, dropped: 5 } as const;
export const JOURNAL_HEAD_BYTES = RECORD_HEAD_BYTES;
export const JOURNAL_CRC_BYTES = RECORD_CRC_BYTES;
export const TRANSFER_ID_BYTES = 16;
export const FILE_KEY_BYTES = 16;
/** fileKey 16, index u32, length u32, hash 32. */
export const JOURNAL_CHUNK_PAYLOAD_BYTES = FILE_KEY_BYTES + 8 + HASH_BYTES;

/** The transfer this journal belongs to. */
export interface JournalHeader {
  readonly type: 'header';
  readonly transferId: Uint8Array;
  readonly source: string;
  readonly destination: string;
}

/** The version of a source file that the chunks after it belong to. */
export interface JournalFile {
  readonly type: 'file';
  readonly fileKey: Uint8Array;
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: string;
  readonly chunkBytes: number;
}

/** A chunk that is durable in the partial file. */
export interface JournalChunk {
  readonly type: 'chunk';
  readonly fileKey: Uint8Array;
  readonly index: number;
  readonly lengthBytes: number;
  readonly hash: Uint8Array;
}

/** The file stands under its name. */
export interface JournalPublished {
  readonly type: 'published';
  readonly fileKey: Uint8Array;
}

/** What was recorded of the file counts no longer. */
export interface JournalDropped {
  readonly type: 'dropped';
  readonly fileKey: Uint8Array;
}

export type JournalRecord = JournalHeader | JournalFile | JournalChunk | JournalPublished | JournalDropped;

/** What every journal file starts with: magic, version u32 LE. */
export function journalMagic(): Uint8Array {
  return recordPrelude(JOURNAL_MAGIC, JOURNAL_VERSION);
}

/** The bytes to append for `record`. Values beyond the limits of the format are a bug of the caller. */
export function encodeJournalRecord(record: JournalRecord): Uint8Array {
  return frameRecord(
    JOURNAL_RECORD_TYPE[record.type],
    encodePayload(record),
    LIMITS.journalRecordMaxBytes.value,
  );
}

/** Decodes the payload of a record whose CRC was right. Throws CW_WIRE_MALFORMED, CW_WIRE_TRUNCATED or CW_WIRE_TOO_LARGE. */
export function decodeJournalPayload(type: number, payload: Uint8Array): JournalRecord {
  switch (type) {
    case JOURNAL_RECORD_TYPE.header:
      return headerOf(mapOf(decodeCbor(payload), 'a header record'));
    case JOURNAL_RECORD_TYPE.file:
      return fileOf(mapOf(decodeCbor(payload), 'a file record'));
    case JOURNAL_RECORD_TYPE.chunk:
      return chunkOf(payload);
    case JOURNAL_RECORD_TYPE.published:
      return { type: 'published', fileKey: fileKeyOf(payload, 'a published record') };
    case JOURNAL_RECORD_TYPE.dropped:
      return { type: 'dropped', fileKey: fileKeyOf(payload, 'a dropped record') };
    default:
      throw new CausewayError('CW_WIRE_MALFORMED', `a record of unknown type ${type}`);
  }
}

function encodePayload(record: JournalRecord): Uint8Array {
  switch (record.type) {
    case 'header': {
      const { transferId, source, destination } = record;
      assert(transferId.byteLength === TRANSFER_ID_BYTES, 'a transfer id has 16 bytes');
      return encodeCbor({ transferId, source, destination });
    }
    case 'file': {
      const { fileKey, path, sizeBytes, mtimeNs, ctimeNs, inode, chunkBytes } = record;
      assert(fileKey.byteLength === FILE_KEY_BYTES, 'a file key has 16 bytes');
      return encodeCbor({ fileKey, path, sizeBytes, mtimeNs, ctimeNs, inode, chunkBytes });
    }
    case 'chunk':
      return encodeChunk(record);
    case 'published':
    case 'dropped':
      assert(record.fileKey.byteLength === FILE_KEY_BYTES, 'a file key has 16 bytes');
      return record.fileKey;
    default:
      return unreachable(record);
  }
}

function encodeChunk({ fileKey, index, lengthBytes, hash }: JournalChunk): Uint8Array {
  assert(fileKey.byteLength === FILE_KEY_BYTES, 'a file key has 16 bytes');
  assert(hash.byteLength === HASH_BYTES, 'a chunk hash has 32 bytes');
  const payload = new Uint8Array(JOURNAL_CHUNK_PAYLOAD_BYTES);
  const view = new DataView(payload.buffer);
  payload.set(fileKey, 0);
  view.setUint32(16, index, true);
  view.setUint32(20, lengthBytes, true);
  payload.set(hash, 24);
  return payload;
}

function headerOf(map: CborMap): JournalHeader {
  return {
    type: 'header',
    transferId: bytes(map, 'transferId', TRANSFER_ID_BYTES),
    source: text(map, 'source'),
    destination: text(map, 'destination'),
  };
}

function fileOf(map: CborMap): JournalFile {
  return {
    type: 'file',
    fileKey: bytes(map, 'fileKey', FILE_KEY_BYTES),
    path: text(map, 'path', LIMITS.pathMaxBytes.value),
    sizeBytes: uint(map, 'sizeBytes'),
    mtimeNs: i64(map, 'mtimeNs'),
    ctimeNs: i64(map, 'ctimeNs'),
    inode: text(map, 'inode'),
    chunkBytes: uint(map, 'chunkBytes', LIMITS.chunkMaxBytes.value),
  };
}

function chunkOf(payload: Uint8Array): JournalChunk {
  const reader = new ByteReader(payload, 'a chunk record');
  const fileKey = reader.copy(FILE_KEY_BYTES);
  const index = reader.u32();
  const lengthBytes = reader.u32();
  const hash = reader.copy(HASH_BYTES);
  reader.expectEnd();
  if (lengthBytes > LIMITS.chunkMaxBytes.value) {
    throw new CausewayError('CW_WIRE_TOO_LARGE', `a chunk record of ${lengthBytes} bytes`);
  }
  return { type: 'chunk', fileKey, index, lengthBytes, hash };
}

function fileKeyOf(payload: Uint8Array, what: string): Uint8Array {
  const reader = new ByteReader(payload, what);
  const fileKey = reader.copy(FILE_KEY_BYTES);
  reader.expectEnd();
  return fileKey;
}
