import { assert } from '../base/assert.ts';
import { fromUtf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type CborMap, decodeCbor, encodeCbor } from './cbor.ts';
import { boolean, bytes, i64, mapList, mapOf, nullable, text, uint } from './fields.ts';
import { ByteReader } from './reader.ts';
import { frameRecord, recordPrelude } from './record_frame.ts';

/*
 * The record of what a copy has found at its destination and put there: what its undo goes by. Framed as record_frame.ts
 * says; docs/protocol.md has the tables.
 */

export const UNDO_MAGIC = Uint8Array.of(0x89, 0x43, 0x57, 0x55, 0x4e, 0x44, 0x0d, 0x0a);
export const UNDO_VERSION = 1;
export const UNDO_RECORD_TYPE = {
  header: 1,
  folder: 2,
  entries: 3,
  attrs: 4,
  refused: 5,
  stopped: 6,
} as const;
export const UNDO_ID_BYTES = 16;
export const UNDO_MARK_BYTES = 16;
/** Of the hash of an inode number. */
export const UNDO_INODE_BYTES = 8;
/** kind, flags, length of the name, kept number, size, time, mark, two inodes. */
export const UNDO_ENTRY_HEAD_BYTES = 55;

/** The copy that this is the undo of. */
export interface UndoHeader {
  readonly type: 'header';
  readonly undoId: Uint8Array;
  readonly destination: string;
  /** ms since 1970 UTC. */
  readonly createdMs: number;
  /** Of a file whose mark is made of the hashes of its chunks. */
  readonly chunkBytes: number;
}

/** A folder before the copy came to it. */
export interface UndoFolder {
  readonly type: 'folder';
  readonly path: string;
  /** Nothing stood there; the other members mean nothing then. */
  readonly made: boolean;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly userId: number;
  readonly groupId: number;
  readonly xattrs: readonly UndoXattr[];
}

/** An extended attribute or access list that the copy changes. */
export interface UndoXattr {
  readonly name: string;
  /** Null: there was none of that name. */
  readonly before: Uint8Array | null;
  /** The start of the BLAKE3 hash of what the copy gives; null: it takes the attribute away. */
  readonly after: Uint8Array | null;
}

/** What the copy puts under one name, and what stood there. */
export interface UndoEntry {
  readonly name: string;
  readonly kind: 'file' | 'symlink';
  /** Number under which the old entry is kept; null where nothing stood there. */
  readonly kept: number | null;
  /** Of the new entry. */
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  /** The start of the BLAKE3 hash of the content of the new entry, or `byChunks` of the hashes of its chunks in order. */
  readonly mark: Uint8Array;
  readonly byChunks: boolean;
  /** {@link UNDO_INODE_BYTES} of the BLAKE3 hash of the inode number of the new entry; null where that was not looked up. */
  readonly inode: Uint8Array | null;
  /** The same of what is kept. */
  readonly keptInode: Uint8Array | null;
}

/** Entries of one folder. */
export interface UndoEntries {
  readonly type: 'entries';
  readonly folder: string;
  readonly entries: readonly UndoEntry[];
}

/** A file that stays and gets other attributes. */
export interface UndoAttrs {
  readonly type: 'attrs';
  readonly path: string;
  /** Of the file, which tell whether it is still the one that this speaks of. */
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly mode: number;
  readonly newMode: number;
  readonly userId: number;
  readonly groupId: number;
  /** The same as `userId` and `groupId` where the copy does not change them. */
  readonly newUserId: number;
  readonly newGroupId: number;
  readonly xattrs: readonly UndoXattr[];
}

/** An entry that could not be kept and was replaced all the same. */
export interface UndoRefused {
  readonly type: 'refused';
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** From this entry on nothing was recorded. */
export interface UndoStopped {
  readonly type: 'stopped';
  readonly path: string;
  readonly message: string;
}

export type UndoRecord = UndoHeader | UndoFolder | UndoEntries | UndoAttrs | UndoRefused | UndoStopped;

/** What every record file of an undo starts with. */
export function undoMagic(): Uint8Array {
  return recordPrelude(UNDO_MAGIC, UNDO_VERSION);
}

/** The bytes to append for `record`. Values beyond the limits of the format are a bug of the caller. */
export function encodeUndoRecord(record: UndoRecord): Uint8Array {
  return frameRecord(
    UNDO_RECORD_TYPE[record.type],
    record.type === 'entries' ? encodeEntries(record) : encodeMap(record),
    LIMITS.undoRecordMaxBytes.value,
  );
}

function encodeMap({ type: _, ...members }: Exclude<UndoRecord, UndoEntries>): Uint8Array {
  if (!('xattrs' in members)) return encodeCbor(members);
  return encodeCbor({ ...members, xattrs: members.xattrs.map((xattr) => ({ ...xattr })) });
}

/** Decodes the payload of a record whose CRC was right. Throws CW_WIRE_*. */
export function decodeUndoPayload(type: number, payload: Uint8Array): UndoRecord {
  if (type === UNDO_RECORD_TYPE.entries) return decodeEntries(payload);
  const map = mapOf(decodeCbor(payload), 'a record of an undo');
  switch (type) {
    case UNDO_RECORD_TYPE.header:
      return {
        type: 'header',
        undoId: bytes(map, 'undoId', UNDO_ID_BYTES),
        destination: text(map, 'destination'),
        createdMs: uint(map, 'createdMs'),
        chunkBytes: uint(map, 'chunkBytes', LIMITS.chunkMaxBytes.value),
      };
    case UNDO_RECORD_TYPE.folder:
      return {
        type: 'folder',
        path: path(map),
        made: boolean(map, 'made'),
        mode: uint(map, 'mode', 0o7777),
        mtimeNs: i64(map, 'mtimeNs'),
        userId: uint(map, 'userId'),
        groupId: uint(map, 'groupId'),
        xattrs: xattrs(map),
      };
    case UNDO_RECORD_TYPE.attrs:
      return {
        type: 'attrs',
        path: path(map),
        sizeBytes: uint(map, 'sizeBytes'),
        mtimeNs: i64(map, 'mtimeNs'),
        mode: uint(map, 'mode', 0o7777),
        newMode: uint(map, 'newMode', 0o7777),
        userId: uint(map, 'userId'),
        groupId: uint(map, 'groupId'),
        newUserId: uint(map, 'newUserId'),
        newGroupId: uint(map, 'newGroupId'),
        xattrs: xattrs(map),
      };
    case UNDO_RECORD_TYPE.refused:
      return { type: 'refused', path: path(map), code: text(map, 'code'), message: text(map, 'message') };
    case UNDO_RECORD_TYPE.stopped:
      return { type: 'stopped', path: path(map), message: text(map, 'message') };
    default:
      throw new CausewayError('CW_WIRE_MALFORMED', `a record of unknown type ${type}`);
  }
}

function xattrs(map: CborMap): UndoXattr[] {
  return mapList(map, 'xattrs', LIMITS.xattrsPerEntryMax.value, (item) => ({
    name: text(item, 'name'),
    before: nullable(item, 'before', bytes),
    after: nullable(item, 'after', (of, name) => bytes(of, name, UNDO_MARK_BYTES)),
  }));
}

function path(map: CborMap): string {
  return text(map, 'path', LIMITS.pathMaxBytes.value);
}

const KEPT = 1;
const BY_CHUNKS = 2;
const HAS_INODE = 4;
const FLAGS = KEPT | BY_CHUNKS | HAS_INODE;

/** A character of UTF-16 takes three bytes of UTF-8 at most. */
const UTF8_MAX = 3;

/** Written in one go: a record is made for each few hundred files that a copy puts in place. */
function encodeEntries({ folder, entries }: UndoEntries): Uint8Array {
  let mostBytes = 2 + UTF8_MAX * folder.length;
  for (const { name } of entries) mostBytes += UNDO_ENTRY_HEAD_BYTES + UTF8_MAX * name.length;
  const record = Buffer.alloc(mostBytes);
  const fields = new DataView(record.buffer, record.byteOffset);
  const folderBytes = record.write(folder, 2, 'utf8');
  record.writeUInt16LE(folderBytes, 0);
  let at = 2 + folderBytes;
  for (const entry of entries) at += writeEntry(record, fields, at, entry);
  return new Uint8Array(record.buffer, record.byteOffset, at);
}

/** Gives its length; `fields` are the bytes of the record. */
function writeEntry(record: Buffer, fields: DataView, at: number, entry: UndoEntry): number {
  const { name, kind, kept, sizeBytes, mtimeNs, mark, byChunks, inode, keptInode } = entry;
  assert(mark.byteLength === UNDO_MARK_BYTES, 'a mark has 16 bytes');
  const nameBytes = record.write(name, at + UNDO_ENTRY_HEAD_BYTES, 'utf8');
  record[at] = kind === 'file' ? 1 : 2;
  record[at + 1] = (kept === null ? 0 : KEPT) | (byChunks ? BY_CHUNKS : 0) | (inode === null ? 0 : HAS_INODE);
  record.writeUInt8(nameBytes, at + 2);
  record.writeUInt32LE(kept ?? 0, at + 3);
  fields.setUint32(at + 7, sizeBytes % 2 ** 32, true);
  fields.setUint32(at + 11, Math.floor(sizeBytes / 2 ** 32), true);
  fields.setBigInt64(at + 15, mtimeNs, true);
  record.set(mark, at + 23);
  if (inode !== null) record.set(inode, at + 39);
  if (keptInode !== null) record.set(keptInode, at + 47);
  return UNDO_ENTRY_HEAD_BYTES + nameBytes;
}

function decodeEntries(payload: Uint8Array): UndoEntries {
  const reader = new ByteReader(payload, 'a record of entries');
  const folder = textOf(reader.view(reader.u16()));
  const entries: UndoEntry[] = [];
  while (reader.remainingBytes > 0) entries.push(decodeEntry(reader));
  return { type: 'entries', folder, entries };
}

function decodeEntry(reader: ByteReader): UndoEntry {
  const kind = reader.u8();
  const flags = reader.u8();
  if (kind < 1 || kind > 2 || (flags & ~FLAGS) !== 0)
    throw new CausewayError('CW_WIRE_MALFORMED', `an entry of kind ${kind} with flags ${flags}`);
  const nameBytes = reader.u8();
  const kept = reader.u32();
  const sizeBytes = Number(reader.u64());
  const mtimeNs = BigInt.asIntN(64, reader.u64());
  const mark = reader.copy(UNDO_MARK_BYTES);
  const inode = reader.copy(UNDO_INODE_BYTES);
  const keptInode = reader.copy(UNDO_INODE_BYTES);
  return {
    name: textOf(reader.view(nameBytes)),
    kind: kind === 1 ? 'file' : 'symlink',
    kept: (flags & KEPT) === 0 ? null : kept,
    sizeBytes,
    mtimeNs,
    mark,
    byChunks: (flags & BY_CHUNKS) !== 0,
    inode: (flags & HAS_INODE) === 0 ? null : inode,
    keptInode: (flags & KEPT) === 0 ? null : keptInode,
  };
}

function textOf(input: Uint8Array): string {
  const decoded = fromUtf8(input);
  if (decoded === null) throw new CausewayError('CW_WIRE_MALFORMED', 'a name is not valid UTF-8');
  return decoded;
}
