import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, fromHex, toHex } from '../../src/base/bytes.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import {
  encodeJournalRecord,
  type JournalRecord,
  journalMagic,
  readJournal,
} from '../../src/wire/journal.ts';
import {
  decodeSentLaneMessage,
  encodeChunkHeader,
  encodeCompressedHeader,
  encodePackHeader,
  encodePatchHeader,
  encodeZerosHeader,
  type SentLaneMessage,
} from '../../src/wire/lane_message.ts';
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  type FrameKind,
  kindCode,
  kindOf,
  readFrameHeader,
  writeFrameHeader,
} from '../../src/wire/mux_frame.ts';
import { RECORD_CRC_BYTES as FRAME_CRC_BYTES, RECORD_HEAD_BYTES } from '../../src/wire/record_frame.ts';
import {
  checkPayloadCrc,
  RECORD_CRC_BYTES,
  type RecordType,
  readRecordHeader,
  recordHeaderBytes,
  writeRecordHeader,
  writeU32,
} from '../../src/wire/session_record.ts';
import {
  decodeUndoPayload,
  encodeUndoRecord,
  UNDO_RECORD_TYPE,
  type UndoRecord,
  undoMagic,
} from '../../src/wire/undo_record.ts';
import { type Invalid, loadVectors, untag, type Valid, type VectorFile } from './vectors.ts';

function refuses(invalid: Invalid, decode: (bytes: Uint8Array) => unknown): void {
  assert.throws(() => decode(fromHex(invalid.hex)), { name: 'CausewayError', code: invalid.code });
}

describe('Session records', () => {
  type WithCrc = { readonly withCrc: boolean };
  const { valid, invalid } = loadVectors<VectorFile<Valid & WithCrc, Invalid & WithCrc>>('session_record');

  interface Value {
    readonly type: RecordType;
    readonly acknowledge: boolean;
    readonly payload: Uint8Array;
  }

  function encode({ type, acknowledge, payload }: Value, withCrc: boolean): Uint8Array {
    const header = new Uint8Array(recordHeaderBytes(withCrc));
    writeRecordHeader(header, 0, { type, acknowledge, lengthBytes: payload.byteLength }, withCrc);
    const sum = new Uint8Array(withCrc ? RECORD_CRC_BYTES : 0);
    if (withCrc) writeU32(sum, 0, crc32c(payload));
    return concat([header, payload, sum]);
  }

  function decode(bytes: Uint8Array, withCrc: boolean): Value {
    const { type, acknowledge, lengthBytes } = readRecordHeader(bytes, 0, withCrc);
    const start = recordHeaderBytes(withCrc);
    const payload = bytes.slice(start, start + lengthBytes);
    if (withCrc) checkPayloadCrc(crc32c(payload), bytes, start + lengthBytes);
    return { type, acknowledge, payload };
  }

  for (const vector of valid) {
    it(vector.name, () => {
      const value = untag(vector.value) as Value;
      assert.equal(toHex(encode(value, vector.withCrc)), vector.hex);
      assert.deepEqual(decode(fromHex(vector.hex), vector.withCrc), value);
    });
  }
  for (const vector of invalid) {
    it(`refuses: ${vector.name}`, () => refuses(vector, (bytes) => decode(bytes, vector.withCrc)));
  }
});

describe('Mux frames', () => {
  const { valid, invalid, kinds } = loadVectors<VectorFile & { kinds: Record<FrameKind, number> }>(
    'mux_frame',
  );
  for (const vector of valid) {
    it(vector.name, () => {
      const header = new Uint8Array(FRAME_HEADER_BYTES);
      assert.equal(writeFrameHeader(header, 0, vector.value as FrameHeader), FRAME_HEADER_BYTES);
      assert.equal(toHex(header), vector.hex);
      assert.deepEqual(readFrameHeader(fromHex(vector.hex), 0), vector.value);
    });
  }
  for (const vector of invalid) {
    it(`refuses: ${vector.name}`, () => refuses(vector, (bytes) => readFrameHeader(bytes, 0)));
  }
  it('kinds of streams', () => {
    for (const [kind, code] of Object.entries(kinds)) {
      assert.equal(kindCode(kind as FrameKind), code);
      assert.equal(kindOf(code), kind);
    }
    for (const code of [0, Object.keys(kinds).length + 1, 255, undefined]) {
      assert.throws(() => kindOf(code), { code: 'CW_WIRE_MALFORMED' });
    }
  });
});

describe('Lane messages', () => {
  const { valid, invalid } = loadVectors('lane_message');

  function encode(message: SentLaneMessage): Uint8Array {
    if (message.type === 'compressed') {
      const { head, plainBytes, frame } = message;
      return concat([encodeCompressedHeader(head.byteLength, plainBytes), head, frame]);
    }
    const sized = <T extends { readonly data: Uint8Array }>(part: T) => ({
      ...part,
      lengthBytes: part.data.byteLength,
    });
    if (message.type === 'patch') return concat([encodePatchHeader(message, message.segments), message.data]);
    if (message.type === 'zeros') return encodeZerosHeader(message);
    if (message.type === 'chunk') return concat([encodeChunkHeader(sized(message)), message.data]);
    return concat([
      encodePackHeader(message.entries.map(sized)),
      ...message.entries.map((entry) => entry.data),
    ]);
  }

  for (const vector of valid) {
    it(vector.name, () => {
      const value = untag(vector.value) as SentLaneMessage;
      assert.equal(toHex(encode(value)), vector.hex);
      assert.deepEqual(decodeSentLaneMessage(fromHex(vector.hex)), value);
    });
  }
  for (const vector of invalid) it(`refuses: ${vector.name}`, () => refuses(vector, decodeSentLaneMessage));
});

describe('Journals', () => {
  interface Damaged {
    readonly name: string;
    readonly hex: string;
    readonly records: number;
    readonly validBytes: number;
    readonly offset: number;
  }
  const { valid, invalid, magic } = loadVectors<{ valid: Valid[]; invalid: Damaged[]; magic: string }>(
    'journal',
  );

  it('start', () => assert.equal(toHex(journalMagic()), magic));
  for (const vector of valid) {
    it(`record: ${vector.name}`, () => {
      const value = untag(vector.value) as JournalRecord;
      assert.equal(toHex(encodeJournalRecord(value)), vector.hex);
      assert.deepEqual(readJournal(fromHex(magic + vector.hex)).records, [value]);
    });
  }
  for (const vector of invalid) {
    it(`damage: ${vector.name}`, () => {
      const { records, validBytes, damage } = readJournal(fromHex(vector.hex));
      assert.deepEqual(
        [records.length, validBytes, damage?.offset],
        [vector.records, vector.validBytes, vector.offset],
      );
    });
  }
});

describe('Records of an undo', () => {
  const { valid, invalid, magic } = loadVectors<{
    valid: Valid[];
    invalid: (Invalid & { readonly type: number })[];
    magic: string;
  }>('undo_record');

  it('start', () => assert.equal(toHex(undoMagic()), magic));
  for (const vector of valid) {
    it(`record: ${vector.name}`, () => {
      const value = untag(vector.value) as UndoRecord;
      assert.equal(toHex(encodeUndoRecord(value)), vector.hex);
      const framed = fromHex(vector.hex);
      const payload = framed.slice(RECORD_HEAD_BYTES, framed.byteLength - FRAME_CRC_BYTES);
      assert.deepEqual(decodeUndoPayload(UNDO_RECORD_TYPE[value.type], payload), value);
    });
  }
  for (const vector of invalid) {
    it(`refuses: ${vector.name}`, () => refuses(vector, (bytes) => decodeUndoPayload(vector.type, bytes)));
  }
});
