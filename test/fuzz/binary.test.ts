import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, equalBytes, fromHex } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { crc32c, crc32cByTable } from '../../src/wire/crc32c.ts';
import {
  encodeJournalRecord,
  JournalReader,
  type JournalRecord,
  journalMagic,
  readJournal,
} from '../../src/wire/journal.ts';
import { decodeSentLaneMessage } from '../../src/wire/lane_message.ts';
import { FRAME_HEADER_BYTES, kindOf, readFrameHeader, writeFrameHeader } from '../../src/wire/mux_frame.ts';
import { GuestPreamble, HostPreamble, NONCE_BYTES, SYNC_BYTES } from '../../src/wire/preamble.ts';
import {
  RECORD_HEADER_BYTES,
  readRecordHeader,
  recordHeaderBytes,
  writeRecordHeader,
} from '../../src/wire/session_record.ts';
import { loadVectors } from '../golden/vectors.ts';
import { goldenBytes, withCrc } from './corpus.ts';
import { fuzz, RUNS, SEED, type Target, WIRE_CODES } from './harness.ts';
import { SeededRandom } from './random_bytes.ts';

/** Reads a header of fixed size from what may be shorter; an accepted one is written back the same. */
function header(
  bytes: Uint8Array,
  sizeBytes: number,
  rewrite: (source: Uint8Array, target: Uint8Array) => void,
): void {
  const source = concat([bytes, new Uint8Array(sizeBytes)]).subarray(0, sizeBytes);
  const target = new Uint8Array(sizeBytes);
  rewrite(source, target);
  assert.ok(equalBytes(target, source), 'an accepted header has one form only');
}

function sessionTarget(crc: boolean): Target {
  return {
    name: `session record, ${crc ? 'crc32c' : 'tls'}`,
    corpus: goldenBytes('session_record', (vector) => vector.withCrc === crc),
    decode: (bytes) =>
      header(bytes, recordHeaderBytes(crc), (source, target) => {
        writeRecordHeader(target, 0, readRecordHeader(source, 0, crc), crc);
      }),
    codes: WIRE_CODES,
    ...(crc
      ? { repair: (bytes: Uint8Array) => withCrc(concat([bytes, new Uint8Array(8)]), 0, RECORD_HEADER_BYTES) }
      : {}),
  };
}

const frame: Target = {
  name: 'mux frame',
  corpus: goldenBytes('mux_frame'),
  decode: (bytes) => {
    header(
      bytes,
      FRAME_HEADER_BYTES,
      (source, target) => void writeFrameHeader(target, 0, readFrameHeader(source, 0)),
    );
    kindOf(bytes[0]);
  },
  codes: WIRE_CODES,
};

const lane: Target = {
  name: 'lane message',
  corpus: goldenBytes('lane_message'),
  decode: (bytes) => {
    const message = decodeSentLaneMessage(bytes);
    if (message.type === 'compressed') {
      const { head, plainBytes, frame } = message;
      assert.ok(head.byteLength + frame.byteLength < bytes.byteLength);
      assert.ok(head.byteLength + plainBytes <= LIMITS.frameMaxBytes.value);
      return;
    }
    const parts = message.type === 'pack' ? message.entries : [message];
    for (const part of parts) {
      const dataBytes = 'data' in part ? part.data.byteLength : 0;
      assert.ok(part.hash.byteLength === 32 && dataBytes <= bytes.byteLength);
    }
  },
  codes: WIRE_CODES,
};

const { magic, valid: journalRecords } = loadVectors<{ magic: string; valid: { hex: string }[] }>('journal');
const wholeJournal = fromHex(magic + journalRecords.map(({ hex }) => hex).join(''));

function readInPieces(bytes: Uint8Array, pieceBytes: number) {
  const reader = new JournalReader();
  const records: JournalRecord[] = [];
  for (let at = 0; at < bytes.byteLength; at += pieceBytes)
    records.push(...reader.push(bytes.slice(at, at + pieceBytes)));
  return { records, ...reader.finish() };
}

/** Never throws; in pieces it reads the same; what it read is what a writer would have written. */
const journal: Target = {
  name: 'journal',
  corpus: [...goldenBytes('journal'), wholeJournal, journalMagic()],
  decode: (bytes) => {
    const whole = readJournal(bytes);
    assert.deepEqual(readInPieces(bytes, 1 + (bytes.byteLength % 97)), whole);
    assert.equal(whole.damage === null, whole.validBytes === bytes.byteLength && bytes.byteLength > 0);
    const good = bytes.subarray(0, whole.validBytes);
    if (whole.validBytes === 0) return;
    assert.deepEqual(
      readJournal(concat([journalMagic(), ...whole.records.map(encodeJournalRecord)])).records,
      whole.records,
    );
    assert.deepEqual(readJournal(good), { ...whole, damage: null });
  },
  codes: /^$/,
  repair: (bytes) => {
    if (bytes.byteLength < 5) return bytes;
    const record = bytes.slice();
    new DataView(record.buffer).setUint32(0, record.byteLength - 5, true);
    return concat([journalMagic(), withCrc(record)]);
  },
};

const preambleVectors = loadVectors<{ nonce: string; sync: string; ack: string; boot: string }>('preamble');
const { nonce, sync, ack, boot } = preambleVectors;

/** Whatever arrived before, a fresh SYNC behind two of its lengths of noise is answered, and what follows it is delivered. */
const guest: Target = {
  name: 'preamble, guest',
  corpus: [sync, sync + sync, `ffff${sync}`, sync.slice(0, 20) + sync, boot, ack].map(fromHex),
  decode: (bytes) => {
    const preamble = new GuestPreamble();
    let delivered = false;
    for (let at = 0; at < bytes.byteLength && !delivered; at += 7) {
      const step = preamble.push(bytes.subarray(at, at + 7));
      for (const answered of step.acks) assert.equal(answered.byteLength, NONCE_BYTES);
      delivered = step.payload !== null;
    }
    preamble.restart();
    preamble.push(new Uint8Array(SYNC_BYTES).fill(0x55));
    const fresh = fromHex(sync.slice(0, 16) + '77'.repeat(NONCE_BYTES));
    assert.deepEqual(preamble.push(concat([fresh, fresh, Uint8Array.of(0x99)])).payload, Uint8Array.of(0x99));
  },
  codes: /^$/,
};

const host: Target = {
  name: 'preamble, host',
  corpus: [ack, ack + ack, `ffff${ack}`, boot + ack, sync].map(fromHex),
  decode: (bytes) => {
    const preamble = new HostPreamble(fromHex(nonce));
    let payload: Uint8Array | null = null;
    for (let at = 0; at < bytes.byteLength && payload === null; at += 5)
      payload = preamble.push(bytes.subarray(at, at + 5)).payload;
    payload ??= preamble.push(concat([new Uint8Array(SYNC_BYTES), fromHex(ack)])).payload;
    assert.ok(payload !== null);
  },
  codes: /^$/,
};

console.log(`SEED=${SEED} FUZZ_RUNS=${RUNS}`);
for (const target of [sessionTarget(false), sessionTarget(true), frame, lane, journal, guest, host]) {
  test(`${target.name}: a value or a named error`, () => {
    const { accepted } = fuzz(target);
    assert.ok(accepted > 0, 'some inputs get through, so that what is behind the checks is tried too');
  });
}

test('crc32c: folding and tables agree', () => {
  const random = new SeededRandom(SEED);
  const bytes = random.bytes(80_000);
  for (let run = 0; run < 300; run += 1) {
    const start = random.below(2000);
    const part = bytes.subarray(start, start + random.below(bytes.byteLength - start));
    const previous = random.below(2 ** 32);
    assert.equal(
      crc32c(part, previous),
      crc32cByTable(part, previous),
      `SEED=${SEED} start ${start} length ${part.byteLength}`,
    );
  }
});
