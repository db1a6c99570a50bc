import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { FRAME_HEADER_BYTES, type FrameHeader, readFrameHeader } from '../../wire/mux_frame.ts';
import { BufferPool } from './buffer_pool.ts';
import { ByteBudget } from './byte_budget.ts';
import { FrameBatch, FrameMemory } from './frame_batch.ts';
import { OutgoingMessage } from './outgoing_message.ts';
import { frameQuantumBytes } from './quantum.ts';
import { ReceiveCredit } from './receive_credit.ts';
import { StreamTable } from './stream_table.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('frameQuantumBytes', () => {
  it('keeps a frame within 5 ms, between 16 KiB and a chunk with its header', () => {
    assert.equal(frameQuantumBytes(null), 16 * KIB);
    assert.equal(frameQuantumBytes(0), 16 * KIB);
    assert.equal(frameQuantumBytes(1_000), 16 * KIB);
    assert.equal(frameQuantumBytes(20 * KIB), 100 * KIB);
    assert.equal(frameQuantumBytes(1_000_000), MIB + 4 * KIB);
  });
});

describe('BufferPool', () => {
  it('lends exact sizes, uses blocks again and keeps a bounded number', () => {
    const pool = new BufferPool();
    const block = pool.take(MIB);
    assert.equal(block.bytes.byteLength, MIB);
    const memory = block.bytes.buffer;
    block.release();
    assert.throws(() => block.release(), /released once/);
    const smaller = pool.take(600 * KIB);
    assert.equal(smaller.bytes.buffer, memory);
    const loans = Array.from({ length: 40 }, () => pool.take(LIMITS.frameMaxBytes.value));
    assert.equal(pool.lent, 41);
    for (const loan of loans) loan.release();
    smaller.release();
    assert.equal(pool.lent, 0);
    assert.ok(pool.freeBytes > 0 && pool.freeBytes <= LIMITS.bufferPoolMaxBytes.value);
    const tiny = [pool.take(0), pool.take(1)];
    assert.deepEqual(
      tiny.map((loan) => loan.bytes.byteLength),
      [0, 1],
    );
  });
});

describe('ReceiveCredit', () => {
  const first = LIMITS.streamCreditBytes.value;

  it('lets a message begin while any credit is left, and refuses the next one', () => {
    const credit = new ReceiveCredit(false, new ByteBudget(0));
    credit.charge(first - 1);
    credit.charge(MIB);
    assert.throws(() => credit.charge(1), { code: 'CW_WIRE_TOO_LARGE' });
    assert.equal(credit.release(first - 1), first - 1);
    assert.throws(() => credit.charge(1), { code: 'CW_WIRE_TOO_LARGE' });
    assert.equal(credit.release(MIB), MIB);
    credit.charge(1);
  });

  it('grants in portions of a quarter while the sender has credit', () => {
    const credit = new ReceiveCredit(true, new ByteBudget(MIB));
    for (let i = 0; i < 3; i += 1) credit.charge(first / 8);
    assert.equal(credit.release(first / 8), 0);
    assert.equal(credit.release(first / 8), first / 4);
    assert.equal(credit.windowBytes, first);
  });

  it('doubles for a bulk sender whose messages are taken at once, after some windows', () => {
    const credit = new ReceiveCredit(true, new ByteBudget(MIB));
    for (let i = 0; i < 24; i += 1) {
      credit.charge(first / 4);
      credit.release(first / 4);
    }
    assert.equal(credit.windowBytes, 2 * first);
  });

  it('doubles what a bulk sender used up, within its limit and the budget of all', () => {
    const raised = new ByteBudget(LIMITS.streamCreditMaxBytes.value - first);
    const credit = new ReceiveCredit(true, raised);
    for (let i = 0; i < 10; i += 1) {
      const cost = credit.windowBytes;
      credit.charge(cost);
      credit.release(cost);
    }
    assert.equal(credit.windowBytes, LIMITS.streamCreditMaxBytes.value);
    assert.equal(raised.usedBytes, LIMITS.streamCreditMaxBytes.value - first);
    const late = new ReceiveCredit(true, raised);
    late.charge(first);
    assert.equal(late.release(first), first);
    credit.close();
    assert.equal(raised.usedBytes, 0);
  });
});

describe('StreamTable', () => {
  it('gives ids of its parity and takes rising ones of the other', () => {
    const table = new StreamTable(true);
    assert.deepEqual([table.takeOwnId(), table.takeOwnId()], [1, 3]);
    assert.equal(new StreamTable(false).takeOwnId(), 2);
    table.takePeerId(2);
    table.takePeerId(8);
    for (const id of [8, 6, 5, 9])
      assert.throws(() => table.takePeerId(id), { code: 'CW_WIRE_MALFORMED' }, `${id}`);
    assert.deepEqual(
      [1, 3, 5, 2, 6, 8, 10].map((id) => table.wasTaken(id)),
      [true, true, false, true, true, true, false],
    );
  });

  it('bounds the open streams of each side', () => {
    const table = new StreamTable(false);
    for (let i = 0; i < LIMITS.streamsMax.value; i += 1) {
      table.takeOwnId();
      table.takePeerId(2 * i + 1);
    }
    assert.throws(() => table.takeOwnId(), { code: 'CW_LIMIT' });
    assert.throws(() => table.takePeerId(9_999), { code: 'CW_WIRE_TOO_LARGE' });
    table.giveBack(1);
    table.takePeerId(9_999);
  });
});

describe('FrameBatch', () => {
  const header = (lengthBytes: number): FrameHeader => ({
    type: 'data',
    streamClass: 'bulk',
    last: true,
    streamId: 1,
    lengthBytes,
    messageBytes: lengthBytes,
  });

  it('copies short payloads, refers to long ones and holds their messages until the release', () => {
    const memory = new FrameMemory();
    let released = 0;
    const contents: number[] = [];
    const sent: Uint8Array[] = [];
    for (let round = 0; round < 40; round += 1) {
      const batch = new FrameBatch(memory, 64 * KIB);
      for (const size of [0, 512, 513, 4_000]) {
        const bytes = new Uint8Array(size).fill(round);
        const message = new OutgoingMessage([bytes.subarray(0, 3), bytes.subarray(3)], () => (released += 1));
        batch.addMessage(header(size), message);
        message.finish();
        contents.push(size);
      }
      batch.finish();
      assert.equal(released, round * 4 + 2);
      assert.equal(batch.parts.filter((part) => part.byteLength === 4_000 - 3).length, 1);
      sent.push(concat(batch.parts));
      batch.release();
      assert.equal(released, round * 4 + 4);
    }
    const all = concat(sent);
    let at = 0;
    contents.forEach((size, i) => {
      assert.equal(readFrameHeader(all, at).lengthBytes, size);
      at += FRAME_HEADER_BYTES;
      assert.ok(all.subarray(at, at + size).every((byte) => byte === Math.floor(i / 4)));
      at += size;
    });
    assert.equal(at, all.byteLength);
  });

  it('is full before a rest that is no worthwhile frame', () => {
    const batch = new FrameBatch(new FrameMemory(), 1000);
    assert.equal(batch.roomBytes, 1000);
    batch.addCopy(header(0), null);
    assert.equal(batch.roomBytes, 1000 - FRAME_HEADER_BYTES);
    batch.addMessage(header(800), new OutgoingMessage([new Uint8Array(800)]));
    assert.equal(batch.roomBytes, 0);
  });
});
