import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { ERROR_CODES } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { AgentKeys, type AgentKeysParts } from '../../src/guest/keys/agent_keys.ts';
import { AgentUpdates, type AgentUpdatesParts } from '../../src/guest/update/agent_updates.ts';
import { FarMounts } from '../../src/share/fuse/far_mounts.ts';
import type { CopyService } from '../../src/transfer/copy_service.ts';
import { peerMethods } from '../../src/transfer/peer_methods.ts';
import { type CborMap, type CborValue, decodeCbor } from '../../src/wire/cbor.ts';
import { EVIDENCE_MEMBERS } from '../../src/wire/evidence.ts';
import { HELLO_HEADER_BYTES } from '../../src/wire/hello.ts';
import { encodeJournalRecord, journalMagic } from '../../src/wire/journal.ts';
import {
  JOURNAL_CHUNK_PAYLOAD_BYTES,
  JOURNAL_CRC_BYTES,
  JOURNAL_HEAD_BYTES,
  JOURNAL_PRELUDE_BYTES,
  JOURNAL_RECORD_TYPE,
} from '../../src/wire/journal_record.ts';
import {
  CHUNK_HEADER_BYTES,
  COMPRESSED_HEADER_BYTES,
  encodeChunkHeader,
  encodeCompressedHeader,
  encodePackHeader,
  encodePatchHeader,
  encodeZerosHeader,
  PACK_ENTRY_BYTES,
  PACK_HEADER_BYTES,
} from '../../src/wire/lane_message.ts';
import {
  FRAME_HEADER_BYTES,
  FRAME_TYPES,
  type FrameKind,
  kindCode,
  MESSAGE_COST_BYTES,
  STREAM_CLASSES,
  writeFrameHeader,
} from '../../src/wire/mux_frame.ts';
import { encodeSegments, PATCH_SEGMENT_BYTES } from '../../src/wire/patch.ts';
import { PLAN_ROW_BYTES, planColumns } from '../../src/wire/plan_page.ts';
import { encodeAck, encodeBoot, encodeSync, NONCE_BYTES } from '../../src/wire/preamble.ts';
import { RECORD_CRC_BYTES, RECORD_HEAD_BYTES, RECORD_PRELUDE_BYTES } from '../../src/wire/record_frame.ts';
import {
  RECORD_HEADER_BYTES,
  RECORD_TYPES,
  recordHeaderBytes,
  writeRecordHeader,
} from '../../src/wire/session_record.ts';
import {
  encodeUndoRecord,
  UNDO_ENTRY_HEAD_BYTES,
  UNDO_RECORD_TYPE,
  undoMagic,
} from '../../src/wire/undo_record.ts';
import type { Mounts } from '../../src/world/mounts.ts';
import type { World } from '../../src/world/world.ts';
import { type CheckedTable, checkedTables, protocolText, quoted, unquoted } from './protocol_doc.ts';
import { loadVectors, type Valid, type VectorFile } from './vectors.ts';

const TABLES = checkedTables();
const looked = new Set<string>();

function table(name: string): CheckedTable {
  const found = TABLES.get(name);
  assert.ok(found, `docs/protocol.md has a table called ${name}`);
  looked.add(name);
  return found;
}

/** First cells and the codes beside them. */
function codesOf(name: string): Record<string, number> {
  return Object.fromEntries(
    table(name).rows.map(([first, code]) => [unquoted(first as string), Number(code)]),
  );
}

/** Member names in the first column. */
function membersOf(name: string): string[] {
  return table(name).rows.map(([member]) => unquoted(member as string));
}

/**
 * Checks a table of offsets against an encoded sample: fields follow each other without gaps, and each number of
 * `fields` stands where the table says, in the size it says. Gives the offset at which the table ends.
 */
function checkLayout(
  name: string,
  sample: Uint8Array,
  fields: Readonly<Record<string, number | string>>,
): number {
  const missing = new Set(Object.keys(fields));
  let end = 0;
  for (const [offset, size, field] of table(name).rows as [string, string, string][]) {
    assert.equal(Number(offset), end, `${name}: ${field} begins where the field before it ends`);
    if (size === '') break;
    end += Number(size);
    const key = Object.keys(fields).find((candidate) => field.startsWith(candidate));
    if (key === undefined) continue;
    missing.delete(key);
    const stored = sample.subarray(Number(offset), end);
    const expected = fields[key] as number | string;
    if (typeof expected === 'string') assert.equal(toHex(stored), expected, field);
    else assert.equal(littleEndian(stored), expected, field);
  }
  assert.deepEqual([...missing], [], `${name} lists every field`);
  return end;
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

/** What stands around the CBOR of a layout. */
const HELLO = { front: HELLO_HEADER_BYTES, behind: 4 };
const JOURNAL = { front: JOURNAL_HEAD_BYTES, behind: JOURNAL_CRC_BYTES };

/** Members of messages whose names look like those of limits. */
const MEMBERS = new Set([
  'dirtyMaxBytes',
  'ageMs',
  'intervalMs',
  'cacheMs',
  'waitMs',
  'oldestDirtyAgeMs',
  'timeToCleanMs',
  'mtimeMs',
  'wallMs',
  'createdMs',
  'untilMs',
  'busyMs',
  'activeMs',
  'starvedMs',
  'blockedMs',
  'quietMs',
  'atMs',
  ...EVIDENCE_MEMBERS,
] as string[]);

/** Decoded maps of golden vectors. */
function goldenMaps(
  file: string,
  select: (vector: Valid & { layout?: string }) => boolean,
  around = { front: 0, behind: 0 },
): CborMap[] {
  const { valid } = loadVectors<VectorFile<Valid & { layout?: string }>>(file);
  const whole = valid.filter(select).map((vector) => fromHex(vector.hex));
  return whole.map(
    (bytes) => decodeCbor(bytes.subarray(around.front, bytes.byteLength - around.behind)) as CborMap,
  );
}

/** That `map` has the documented members and no others; one that is marked with `?` may be missing. */
function checkMembers(documented: readonly string[], map: CborMap, what: string): void {
  const required = documented.filter((member) => !member.endsWith('?'));
  const optional = documented.filter((member) => member.endsWith('?')).map((member) => member.slice(0, -1));
  const present = Object.keys(map).filter((key) => !optional.includes(key));
  assert.deepEqual(present.toSorted(), required.toSorted(), what);
}

function isContainer(value: CborValue | undefined): value is CborMap | readonly CborValue[] {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

/** A map and all maps in it. */
function withInner(map: CborMap): CborMap[] {
  const inner = Object.values(map).filter(isContainer);
  const maps = inner.flatMap((value) => (Array.isArray(value) ? value.filter(isContainer) : [value]));
  return [map, ...(maps as CborMap[]).flatMap(withInner)];
}

function keysOf(maps: readonly CborMap[]): string[] {
  return [...new Set(maps.flatMap((map) => Object.keys(map)))].toSorted();
}

describe('docs/protocol.md', () => {
  after(() =>
    assert.deepEqual(
      [...TABLES.keys()].filter((name) => !looked.has(name)),
      [],
      'every checked table is checked',
    ),
  );

  it('preamble', () => {
    const nonce = new Uint8Array(NONCE_BYTES).fill(0xaa);
    const records: Record<string, Uint8Array> = {
      SYNC: encodeSync(nonce),
      ACK: encodeAck(nonce),
      BOOT: encodeBoot(),
    };
    for (const [record, bytes] of table('preamble').rows as [string, string][]) {
      const magic = (quoted(bytes)[0] as string).replaceAll(' ', '');
      const expected = toHex(records[record] as Uint8Array);
      assert.equal(record === 'BOOT' ? magic : magic + toHex(nonce), expected, record);
    }
    assert.equal(table('preamble').rows.length, 3);
  });

  it('hello, refusal and token', () => {
    const sample = fromHex((loadVectors('hello').valid[0] as Valid).hex);
    const length = sample.byteLength - HELLO_HEADER_BYTES;
    const end = checkLayout('hello header', sample, {
      magic: toHex(sample.subarray(0, 8)),
      'length of the rest': length,
    });
    assert.equal(end, HELLO_HEADER_BYTES);
    const [magic] = table('hello header').rows;
    assert.equal(
      (quoted(magic?.[2] as string)[0] as string).replaceAll(' ', ''),
      toHex(sample.subarray(0, 8)),
    );
    const hellos = goldenMaps('hello', ({ name }) => name !== 'a refusal', HELLO);
    assert.deepEqual(membersOf('hello').toSorted(), keysOf(hellos));
    const optional = table('hello')
      .rows.filter(([, type]) => type?.includes('optional'))
      .map(([member]) => unquoted(member as string));
    const inAll = keysOf(hellos).filter((key) => hellos.every((map) => Object.hasOwn(map, key)));
    assert.deepEqual(
      keysOf(hellos).filter((key) => !inAll.includes(key)),
      optional.toSorted(),
    );
    assert.deepEqual(
      membersOf('refusal').toSorted(),
      keysOf(goldenMaps('hello', ({ name }) => name === 'a refusal', HELLO)),
    );
    const { valid } = loadVectors<{ valid: { value: object }[] }>('token');
    assert.deepEqual(membersOf('token').toSorted(), Object.keys(valid[0]?.value as object).toSorted());
  });

  it('rows of a plan', () => {
    const { rows, names } = planColumns([
      {
        path: 'a/bcd',
        kind: 'hardLink',
        sizeBytes: 0x0506,
        mode: 0x0201,
        mtimeNs: 0x0708n,
        ctimeNs: 0x090an,
        inode: String(0x0b0c),
        linkTarget: 'x',
        userId: 0x01020304,
        groupId: 0x05060708,
      },
    ]);
    const fields = {
      kind: 3,
      'length of the name': names.byteLength,
      mode: 0x0201,
      folder: 0,
      zero: 0,
      'size in': 0x0506,
      mtime: 0x0708,
      ctime: 0x090a,
      inode: 0x0b0c,
      user: 0x01020304,
      group: 0x05060708,
    };
    assert.equal(checkLayout('plan row', rows, fields), PLAN_ROW_BYTES);
  });

  it('session records', () => {
    const sample = new Uint8Array(recordHeaderBytes(true));
    writeRecordHeader(sample, 0, { type: 'data', acknowledge: true, lengthBytes: 0x01020304 }, true);
    const fields = { type: 1, flags: 1, reserved: 0, 'length of the payload': 0x01020304 };
    assert.equal(checkLayout('record header', sample, fields), recordHeaderBytes(true));
    assert.equal(Number(table('record header').rows.at(-1)?.[0]), RECORD_HEADER_BYTES);
    assert.deepEqual(codesOf('record types'), RECORD_TYPES);
  });

  it('mux frames', () => {
    const sample = new Uint8Array(FRAME_HEADER_BYTES);
    const [streamId, lengthBytes, messageBytes] = [0x01020304, 0x05060708, 0x090a0b0c];
    writeFrameHeader(sample, 0, {
      type: 'data',
      streamClass: 'bulk',
      last: true,
      streamId,
      lengthBytes,
      messageBytes,
    });
    const lengths = { 'length of the payload': lengthBytes, 'length of the whole message': messageBytes };
    const fields = { type: 2, class: 2, flags: 1, reserved: 0, 'stream id': streamId, ...lengths };
    assert.equal(checkLayout('frame header', sample, fields), FRAME_HEADER_BYTES);
    assert.deepEqual(codesOf('frame types'), FRAME_TYPES);
    assert.deepEqual(membersOf('classes'), [...STREAM_CLASSES]);
    assert.deepEqual(Object.values(codesOf('classes')), [0, 1, 2, 3]);
    const { kinds } = loadVectors<{ kinds: Record<FrameKind, number> }>('mux_frame');
    assert.deepEqual(codesOf('kinds'), kinds);
    for (const [kind, code] of Object.entries(codesOf('kinds')))
      assert.equal(kindCode(kind as FrameKind), code);
    assert.match(protocolText(), new RegExp(`A message costs its length plus ${MESSAGE_COST_BYTES} bytes`));
  });

  it('rpc methods', () => {
    const methods = peerMethods({} as World, {} as CopyService, '');
    const builds = new AgentUpdates({} as AgentUpdatesParts).methods(() => null);
    const keys = new AgentKeys({} as AgentKeysParts).methods(() => null);
    const ofMounts = new FarMounts({} as World, {} as Mounts).methods({});
    const all = Object.keys({ ...methods, ...builds, ...keys, ...ofMounts });
    assert.deepEqual(membersOf('methods').toSorted(), all.toSorted());
  });

  it('entries of folders', () => {
    const pages = goldenMaps('folder_messages', (vector) => vector.layout === 'page');
    const entries = pages.flatMap((page) => page['entries'] as CborMap[]);
    assert.ok(entries.length > 2);
    for (const entry of entries) checkMembers(membersOf('folderEntry'), entry, 'entry of a folder');
  });

  it('copy messages', () => {
    for (const layout of ['opening', 'laneOpening']) {
      const maps = goldenMaps('copy_messages', (vector) => vector.layout === layout);
      assert.deepEqual(membersOf(layout).toSorted(), keysOf(maps), layout);
    }
    for (const side of ['source', 'sink']) {
      const documented = new Map(
        table(side).rows.map(([t, members]) => [unquoted(t as string), members as string]),
      );
      const maps = goldenMaps('copy_messages', (vector) => vector.layout === side);
      assert.deepEqual(
        [...documented.keys()].toSorted(),
        [...new Set(maps.map((map) => map['t'] as string))].toSorted(),
        side,
      );
      for (const map of maps) {
        const members = documented.get(map['t'] as string) as string;
        if (members === 'as above') continue;
        checkMembers(['t', ...quoted(members)], map, `${side} ${map['t']}`);
      }
    }
  });

  it('parts of copy messages', () => {
    const maps = goldenMaps('copy_messages', () => true);
    const partsOf = (name: string): CborMap[] => {
      const key = name.replace('[]', '');
      const values = maps.flatMap(withInner).map((map) => map[key]);
      return values
        .filter(isContainer)
        .flatMap((value) => (Array.isArray(value) ? value : [value])) as CborMap[];
    };
    for (const [parts, members] of table('parts').rows as [string, string][]) {
      for (const part of quoted(parts)) {
        assert.ok(partsOf(part).length > 0, `a golden vector has ${part}`);
        for (const map of partsOf(part)) checkMembers(quoted(members), map, part);
      }
    }
  });

  it('lane messages', () => {
    const hash = new Uint8Array(32).fill(0xab);
    const header = {
      file: 0x01020304,
      version: 0x0506,
      index: 0x0708090a,
      lengthBytes: 0x0b0c0d0e,
      hash,
    };
    const chunk = encodeChunkHeader(header);
    const numbers = {
      reserved: 0,
      version: 0x0506,
      file: 0x01020304,
      'index of': 0x0708090a,
      'length of': 0x0b0c0d0e,
    };
    assert.equal(
      checkLayout('chunk header', chunk, { 'type = 1': 1, ...numbers, BLAKE3: toHex(hash) }),
      CHUNK_HEADER_BYTES,
    );
    const pack = encodePackHeader([{ file: 0x01020304, lengthBytes: 0x05060708, hash }]);
    assert.equal(
      checkLayout('pack header', pack, { 'type = 2': 2, reserved: 0, 'count of files': 1 }),
      PACK_HEADER_BYTES,
    );
    assert.equal(
      checkLayout('compressed header', encodeCompressedHeader(0x01020304, 0x05060708), {
        'type = 5': 5,
        reserved: 0,
        zero: 0,
        'length of the head': 0x01020304,
        'plain length': 0x05060708,
      }),
      COMPRESSED_HEADER_BYTES,
    );
    const segments = encodeSegments([
      { literalBytes: 0x01020304, copyBytes: 0x05060708, copyFrom: 0x090a0b0c0d },
    ]);
    const countBytes = checkLayout('patch segments', segments, { 'count of segments': 1 });
    const segment = segments.subarray(countBytes);
    const parts = {
      'literal bytes': 0x01020304,
      'bytes to copy behind them': 0x05060708,
      'where these begin in the version that the sink has': 0x090a0b0c0d,
    };
    assert.equal(checkLayout('patch segment', segment, parts), PATCH_SEGMENT_BYTES);
    assert.equal(encodePatchHeader(header, [])[0], 3);
    const zeros = encodeZerosHeader(header);
    assert.equal(zeros[0], 4);
    assert.deepEqual(zeros.subarray(1), chunk.subarray(1, CHUNK_HEADER_BYTES));
    const entry = pack.subarray(PACK_HEADER_BYTES);
    const fields = { file: 0x01020304, length: 0x05060708, BLAKE3: toHex(hash) };
    assert.equal(checkLayout('pack entry', entry, fields), PACK_ENTRY_BYTES);
  });

  it('journal', () => {
    const start = journalMagic();
    const magic = toHex(start.subarray(0, 8));
    assert.equal(checkLayout('journal start', start, { magic, version: 1 }), JOURNAL_PRELUDE_BYTES);
    assert.ok(table('journal start').rows[0]?.[2]?.replaceAll(' ', '').includes(magic));
    assert.deepEqual(codesOf('journal types'), JOURNAL_RECORD_TYPE);
    const fileKey = new Uint8Array(16).fill(0xcd);
    const hash = new Uint8Array(32).fill(0xab);
    const chunk = encodeJournalRecord({
      type: 'chunk',
      fileKey,
      index: 0x01020304,
      lengthBytes: 0x00060708,
      hash,
    });
    const [length, type, , crc] = table('journal record').rows.map(([offset]) => offset as string);
    assert.deepEqual([length, type, crc], ['0', '4', '5 + n']);
    assert.equal(chunk.byteLength, JOURNAL_HEAD_BYTES + JOURNAL_CHUNK_PAYLOAD_BYTES + JOURNAL_CRC_BYTES);
    const payload = chunk.subarray(JOURNAL_HEAD_BYTES);
    const fields = { fileKey: toHex(fileKey), index: 0x01020304, length: 0x00060708, BLAKE3: toHex(hash) };
    assert.equal(checkLayout('journal chunk', payload, fields), JOURNAL_CHUNK_PAYLOAD_BYTES);
    for (const [name, , text] of table('journal types').rows.slice(0, 2) as [string, string, string][]) {
      const record = goldenMaps('journal', (vector) => vector.name === unquoted(name), JOURNAL);
      assert.deepEqual(quoted(text).toSorted(), keysOf(record), name);
    }
  });

  it('undo record', () => {
    const start = undoMagic();
    const magic = toHex(start.subarray(0, 8));
    assert.equal(checkLayout('undo start', start, { magic, version: 1 }), RECORD_PRELUDE_BYTES);
    assert.ok(table('undo start').rows[0]?.[2]?.replaceAll(' ', '').includes(magic));
    assert.deepEqual(codesOf('undo types'), UNDO_RECORD_TYPE);
    const record = encodeUndoRecord({
      type: 'entries',
      folder: '',
      entries: [
        {
          name: 'abc',
          kind: 'symlink',
          kept: 0x01020304,
          sizeBytes: 0x0506,
          mtimeNs: 0x0708n,
          mark: new Uint8Array(16).fill(0xab),
          byChunks: true,
          inode: new Uint8Array(8).fill(0xcd),
          keptInode: new Uint8Array(8).fill(0xef),
        },
      ],
    });
    const fields = {
      kind: 2,
      flags: 7,
      'length of the name': 3,
      'number of what is kept': 0x01020304,
      'size of': 0x0506,
      'mtime of': 0x0708,
      mark: 'ab'.repeat(16),
      'inode of': 'cd'.repeat(8),
      'kept inode': 'ef'.repeat(8),
    };
    const entry = record.subarray(RECORD_HEAD_BYTES + 2);
    assert.equal(checkLayout('undo entry', entry, fields), UNDO_ENTRY_HEAD_BYTES);
    const { valid } = loadVectors<VectorFile>('undo_record');
    for (const [name, , text] of table('undo types').rows as [string, string, string][]) {
      if (unquoted(name) === 'entries') continue;
      const maps = valid
        .filter((vector) => vector.name === unquoted(name))
        .map(({ hex }) => fromHex(hex))
        .map((bytes) => decodeCbor(bytes.subarray(RECORD_HEAD_BYTES, -RECORD_CRC_BYTES)) as CborMap);
      assert.deepEqual(quoted(text).toSorted(), keysOf(maps), name);
    }
  });

  it('names limits and errors that exist', () => {
    for (const name of quoted(protocolText())) {
      if (/^CW_[A-Z_]+$/.test(name)) assert.ok(Object.hasOwn(ERROR_CODES, name), name);
      if (/^[a-z]+[A-Za-z]*(?:Max|Min|MaxBytes|MinBytes|Ms)$/.test(name) && !MEMBERS.has(name)) {
        assert.ok(Object.hasOwn(LIMITS, name), `${name} is a limit`);
      }
    }
  });
});
