import { concat, fromUtf8, utf8 } from '../../base/bytes.ts';
import { HASH_BYTES } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { crc32c } from '../../wire/crc32c.ts';
import type { SqlRow, SqlStatement } from '../../world/database.ts';
import type { FileStamp, IndexEntry } from './file_index.ts';

/** Of the tables below. A file with another number is begun afresh: it is only a memory. */
export const SCHEMA_VERSION = 1;

/**
 * `record` is what {@link FileRow} says, in one value: reading it is what a look-up costs. `content` is the root of files
 * with a chunk list, by which they are found; small files are not worth finding.
 */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE file (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, record BLOB NOT NULL, used INTEGER NOT NULL, content BLOB,
    list_bytes INTEGER NOT NULL
  ) STRICT`,
  'CREATE TABLE list (path TEXT PRIMARY KEY, chunks BLOB NOT NULL) STRICT',
  'CREATE INDEX file_use ON file (used)',
  'CREATE INDEX file_content ON file (content, list_bytes) WHERE content IS NOT NULL',
  `PRAGMA user_version = ${SCHEMA_VERSION}`,
];

/** What is remembered of one file. */
export interface FileRow {
  readonly path: string;
  readonly stamp: string;
  readonly settled: boolean;
  readonly chunking: string;
  readonly root: Uint8Array;
  readonly listBytes: number;
  readonly listCheck: number;
}

/** The five attributes as one text. */
export function stampText({ sizeBytes, mtimeNs, ctimeNs, inode, deviceId }: FileStamp): string {
  return `${sizeBytes} ${mtimeNs} ${ctimeNs} ${inode} ${deviceId}`;
}

const NS_PER_MS = 1_000_000n;

/** Whether the times of a file were old enough when it was read, so that a later write cannot have left them the same. */
export function isSettled({ mtimeNs, ctimeNs }: FileStamp, readAtMs: number): boolean {
  const newest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  return newest / NS_PER_MS + BigInt(LIMITS.indexRacyMarginMs.value) <= BigInt(Math.floor(readAtMs));
}

export function rowOf(entry: IndexEntry): FileRow {
  const { path, stamp, readAtMs, chunking, root, chunks } = entry;
  return {
    path,
    stamp: stampText(stamp),
    settled: isSettled(stamp, readAtMs),
    chunking,
    root,
    listBytes: chunks?.byteLength ?? 0,
    listCheck: chunks === null ? 0 : crc32c(chunks),
  };
}

/** Numbers of the record: checksum of path and all that follows, length of the list, checksum of the list, settled. */
const CHECK_AT = 0;
const LIST_BYTES_AT = 4;
const LIST_CHECK_AT = 8;
const SETTLED_AT = 12;
const ROOT_AT = 13;
const TEXT_AT = ROOT_AT + HASH_BYTES;

function encode(row: FileRow): Uint8Array {
  const head = new Uint8Array(TEXT_AT);
  const view = new DataView(head.buffer);
  view.setUint32(LIST_BYTES_AT, row.listBytes);
  view.setUint32(LIST_CHECK_AT, row.listCheck);
  view.setUint8(SETTLED_AT, row.settled ? 1 : 0);
  head.set(row.root, ROOT_AT);
  const record = concat([head, utf8(`${row.chunking}\n${row.stamp}`)]);
  new DataView(record.buffer).setUint32(CHECK_AT, checkOf(row.path, record));
  return record;
}

/** CRC32C: SQLite does not notice a flipped bit in a value. */
function checkOf(path: string, record: Uint8Array): number {
  return crc32c(record.subarray(LIST_BYTES_AT), crc32c(utf8(path)));
}

const COLUMNS = 'path, record, used, content, list_bytes';
const INSERT = `INSERT INTO file (${COLUMNS}) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (path) DO UPDATE SET (${COLUMNS}) = (${COLUMNS.replace(/\w+/g, 'excluded.$&')})`;

export function insertFile(row: FileRow, used: number): SqlStatement {
  const content = row.listBytes > 0 ? row.root : null;
  return { sql: INSERT, values: [row.path, encode(row), used, content, row.listBytes] };
}

/** The row as it was written; null where its record is not what it was. */
export function parseFile({ path, record }: SqlRow): FileRow | null {
  if (typeof path !== 'string' || !(record instanceof Uint8Array) || record.byteLength < TEXT_AT) return null;
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  if (view.getUint32(CHECK_AT) !== checkOf(path, record)) return null;
  const text = fromUtf8(record.subarray(TEXT_AT)) ?? '';
  const cut = text.indexOf('\n');
  return {
    path,
    stamp: text.slice(cut + 1),
    settled: view.getUint8(SETTLED_AT) === 1,
    chunking: text.slice(0, cut),
    root: record.subarray(ROOT_AT, TEXT_AT),
    listBytes: view.getUint32(LIST_BYTES_AT),
    listCheck: view.getUint32(LIST_CHECK_AT),
  };
}
