import { concat, equalBytes } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { crc32c } from './crc32c.ts';
import { boolean, bytesUpTo, i64, mapOf, text, uint } from './fields.ts';

/*
 * What a side remembers of the content of one file, as it lies on its disk: magic, CRC32C of what follows, a CBOR map.
 * docs/protocol.md has the table.
 */

export const KNOWN_MAGIC = Uint8Array.of(0x89, 0x43, 0x57, 0x4b, 0x0d, 0x0a, 0x00, 0x01);
const CHECK_BYTES = 4;
/** Of the hash of a block. */
export const KNOWN_BLOCK_HASH_BYTES = 8;
const ID_MAX = 64;

/** What tells one version of a file from another. */
export interface FileStamp {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: string;
  readonly deviceId: string;
}

/** A file and what was read of it. */
export interface KnownContent {
  readonly stamp: FileStamp;
  /** Its times were old enough when it was recorded: a later write cannot have left the same ones. */
  readonly settled: boolean;
  readonly chunkBytes: number;
  /** Whole hashes of its chunks, in order. */
  readonly chunks: Uint8Array;
  /** 0 where there are no hashes of blocks. */
  readonly blockBytes: number;
  /** The first {@link KNOWN_BLOCK_HASH_BYTES} of the hashes of its blocks, in order. */
  readonly blocks: Uint8Array;
}

export function encodeKnownContent({ stamp, ...content }: KnownContent): Uint8Array {
  const body = encodeCbor({ ...stamp, ...content });
  const check = new Uint8Array(CHECK_BYTES);
  new DataView(check.buffer).setUint32(0, crc32c(body));
  return concat([KNOWN_MAGIC, check, body]);
}

/** Null for what is torn, damaged, of another version, or does not fit together. */
export function decodeKnownContent(record: Uint8Array): KnownContent | null {
  const bodyAt = KNOWN_MAGIC.byteLength + CHECK_BYTES;
  if (record.byteLength < bodyAt || !equalBytes(record.subarray(0, KNOWN_MAGIC.byteLength), KNOWN_MAGIC))
    return null;
  const body = record.subarray(bodyAt);
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  if (view.getUint32(KNOWN_MAGIC.byteLength) !== crc32c(body)) return null;
  try {
    return contentOf(body);
  } catch (failure) {
    if (failure instanceof CausewayError) return null;
    throw failure;
  }
}

function contentOf(body: Uint8Array): KnownContent | null {
  const m = mapOf(decodeCbor(body), 'known content');
  const most = LIMITS.knownRecordMaxBytes.value;
  const stamp = {
    sizeBytes: uint(m, 'sizeBytes'),
    mtimeNs: i64(m, 'mtimeNs'),
    ctimeNs: i64(m, 'ctimeNs'),
    inode: text(m, 'inode', ID_MAX),
    deviceId: text(m, 'deviceId', ID_MAX),
  };
  const content = {
    stamp,
    settled: boolean(m, 'settled'),
    chunkBytes: uint(m, 'chunkBytes'),
    chunks: bytesUpTo(m, 'chunks', most),
    blockBytes: uint(m, 'blockBytes'),
    blocks: bytesUpTo(m, 'blocks', most),
  };
  return isConsistent(content) ? content : null;
}

function isConsistent({ stamp, chunkBytes, chunks, blockBytes, blocks }: KnownContent): boolean {
  const { sizeBytes } = stamp;
  if (chunkBytes === 0 || chunks.byteLength !== Math.ceil(sizeBytes / chunkBytes) * HASH_BYTES) return false;
  if (blockBytes === 0) return blocks.byteLength === 0;
  return blocks.byteLength === Math.ceil(sizeBytes / blockBytes) * KNOWN_BLOCK_HASH_BYTES;
}
