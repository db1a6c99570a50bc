import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { encodeCbor } from './cbor.ts';
import { crc32c } from './crc32c.ts';
import {
  encodeJournalRecord,
  JournalReader,
  type JournalRecord,
  journalMagic,
  readJournal,
} from './journal.ts';

const FILE_KEY = new Uint8Array(16).fill(7);
const RECORDS: readonly JournalRecord[] = [
  { type: 'header', transferId: new Uint8Array(16).fill(1), source: '/a', destination: '/srv/é' },
  {
    type: 'file',
    fileKey: FILE_KEY,
    path: 'a/b',
    sizeBytes: 2 ** 42,
    mtimeNs: 1_700_000_000_123_456_789n,
    ctimeNs: -1n,
    inode: '2049:77',
    chunkBytes: 1 << 20,
  },
  {
    type: 'chunk',
    fileKey: FILE_KEY,
    index: 4_000_000_000,
    lengthBytes: 1 << 20,
    hash: new Uint8Array(32).fill(9),
  },
  { type: 'published', fileKey: FILE_KEY },
  { type: 'dropped', fileKey: FILE_KEY },
];
const JOURNAL = concat([journalMagic(), ...RECORDS.map(encodeJournalRecord)]);

/** Offsets at which a record begins, and the end. */
const BOUNDS = [12];
for (const record of RECORDS) BOUNDS.push((BOUNDS.at(-1) as number) + encodeJournalRecord(record).byteLength);

function framed(type: number, payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(0, payload.byteLength, true);
  head[4] = type;
  const tail = new Uint8Array(4);
  new DataView(tail.buffer).setUint32(0, crc32c(payload, crc32c(head)), true);
  return concat([head, payload, tail]);
}

describe('a journal', () => {
  it('gives back its records', () => {
    assert.deepEqual(readJournal(JOURNAL), {
      records: RECORDS,
      validBytes: JOURNAL.byteLength,
      damage: null,
    });
  });

  it('has chunk records of 65 bytes', () => {
    assert.equal(encodeJournalRecord(RECORDS[2] as JournalRecord).byteLength, 65);
  });

  it('that was torn anywhere keeps the records before the tear and says where it is', () => {
    for (let length = 0; length < JOURNAL.byteLength; length += 1) {
      const { records, validBytes, damage } = readJournal(JOURNAL.subarray(0, length));
      const whole = BOUNDS.filter((bound) => bound <= length);
      assert.equal(validBytes, whole.at(-1) ?? 0, `${length} bytes`);
      assert.deepEqual(records, RECORDS.slice(0, Math.max(0, whole.length - 1)));
      if (length === validBytes && length > 0) assert.equal(damage, null);
      else assert.equal(damage?.offset, validBytes);
    }
  });

  it('with any bit flipped stops at the record that holds it', () => {
    for (let at = 0; at < JOURNAL.byteLength; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const bytes = JOURNAL.slice();
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        const { records, validBytes, damage } = readJournal(bytes);
        const expected = BOUNDS.filter((bound) => bound <= at).at(-1) ?? 0;
        assert.equal(validBytes, expected, `bit ${bit} of byte ${at}`);
        assert.equal(damage?.offset, expected);
        assert.deepEqual(records, RECORDS.slice(0, Math.max(0, BOUNDS.indexOf(expected))));
      }
    }
  });

  it('reads the same in pieces of any size', () => {
    for (const pieceBytes of [1, 2, 3, 7, 64, 65, 100]) {
      const reader = new JournalReader();
      const records: JournalRecord[] = [];
      for (let at = 0; at < JOURNAL.byteLength; at += pieceBytes) {
        const piece = Buffer.from(JOURNAL.subarray(at, at + pieceBytes));
        records.push(...reader.push(piece));
        piece.fill(0xee); // the caller may use its buffer again
      }
      assert.deepEqual(records, RECORDS, `pieces of ${pieceBytes}`);
      assert.deepEqual(reader.finish(), { validBytes: JOURNAL.byteLength, damage: null });
    }
  });

  it('can be appended to where it was good, after damage', () => {
    const { validBytes } = readJournal(JOURNAL.subarray(0, JOURNAL.byteLength - 3));
    const mended = concat([
      JOURNAL.subarray(0, validBytes),
      encodeJournalRecord(RECORDS[4] as JournalRecord),
    ]);
    assert.deepEqual(readJournal(mended).records, RECORDS);
  });
});

describe('damage', () => {
  const reasonOf = (bytes: Uint8Array) => readJournal(bytes).damage?.reason;

  it('is named', () => {
    assert.match(reasonOf(new Uint8Array(0)) ?? '', /ends after 0 bytes/);
    assert.match(reasonOf(new Uint8Array(20)) ?? '', /no journal/);
    const future = journalMagic();
    future[8] = 9;
    assert.match(reasonOf(future) ?? '', /version 9, known is 1/);
    assert.match(reasonOf(concat([journalMagic(), new Uint8Array(4096)])) ?? '', /checksum/);
    assert.match(
      reasonOf(concat([journalMagic(), new Uint8Array(5).fill(0xff)])) ?? '',
      /claims 4294967295 bytes/,
    );
  });

  it('with a right checksum is found too', () => {
    const cases: [string, Uint8Array, RegExp][] = [
      ['unknown type', framed(6, new Uint8Array(0)), /unknown type 6/],
      ['short chunk', framed(3, new Uint8Array(55)), /ends after 55 bytes/],
      ['long chunk', framed(3, new Uint8Array(57)), /1 bytes too many/],
      ['chunk above the limit', framed(3, new Uint8Array(56).fill(0xff)), /4294967295 bytes/],
      ['short key', framed(4, new Uint8Array(15)), /ends after 15 bytes/],
      ['header without members', framed(1, encodeCbor({})), /transferId is missing/],
      ['header that is no map', framed(1, encodeCbor(1)), /no map/],
      ['file with garbage', framed(2, new Uint8Array([0xff])), /CBOR/],
    ];
    for (const [what, record, reason] of cases) {
      const { records, validBytes, damage } = readJournal(concat([journalMagic(), record]));
      assert.deepEqual([records, validBytes], [[], 12], what);
      assert.match(damage?.reason ?? '', reason, what);
    }
  });

  it('ends the reading: later pieces are not looked at', () => {
    const reader = new JournalReader();
    assert.deepEqual(reader.push(new Uint8Array(64)), []);
    assert.deepEqual(reader.push(JOURNAL), []);
    assert.equal(reader.finish().validBytes, 0);
  });
});

it('a path of the longest kind fits into a record', () => {
  const path = 'é'.repeat(LIMITS.pathMaxBytes.value / 2);
  const record: JournalRecord = { ...(RECORDS[1] as JournalRecord & { type: 'file' }), path };
  assert.deepEqual(readJournal(concat([journalMagic(), encodeJournalRecord(record)])).records, [record]);
});
