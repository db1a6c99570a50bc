import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { errorAnswer, FarWrites } from './far_writes.ts';
import { ERRNO, IN_HEADER_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

const O_SYNC = 0o4010000;
let last = 0n;

function request(opcode: number, node: bigint, handle: bigint, { payload = 0, flags = 0 } = {}) {
  const bytes = new Uint8Array(IN_HEADER_BYTES + 40 + payload);
  const view = new DataView(bytes.buffer);
  last += 2n;
  view.setUint32(0, bytes.byteLength, true);
  view.setUint32(4, opcode, true);
  view.setBigUint64(8, last, true);
  view.setBigUint64(16, node, true);
  view.setBigUint64(IN_HEADER_BYTES, handle, true);
  view.setUint32(IN_HEADER_BYTES + 16, payload, true);
  view.setUint32(IN_HEADER_BYTES + 32, flags, true);
  return { bytes, view, opcode, unique: last };
}

function written(unique: bigint, sizeBytes: number): Uint8Array {
  const answer = new DataView(new ArrayBuffer(OUT_HEADER_BYTES + 8));
  answer.setUint32(0, answer.byteLength, true);
  answer.setBigUint64(8, unique, true);
  answer.setUint32(OUT_HEADER_BYTES, sizeBytes, true);
  return new Uint8Array(answer.buffer);
}

function start() {
  const told = new Map<bigint, number>();
  const released: bigint[] = [];
  const writes = new FarWrites((bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    assert.equal(view.getUint32(0, true), bytes.byteLength);
    assert.ok(!told.has(view.getBigUint64(8, true)), 'answered once');
    told.set(view.getBigUint64(8, true), 0 - view.getInt32(4, true));
  });
  const write = (node: bigint, handle: bigint, payload = 100) => {
    const frame = request(OP.write, node, handle, { payload });
    assert.ok(!writes.takes(frame, false));
    assert.ok(writes.mayGoAhead(frame));
    writes.goAhead(frame, () => released.push(frame.unique));
    assert.equal(told.get(frame.unique), 0);
    return frame.unique;
  };
  return { writes, told, released, write };
}

test('a close waits for the writes of its file, and only for those', async () => {
  const { writes, told, released, write } = start();
  const first = write(1n, 10n);
  const other = write(2n, 20n);
  const second = write(1n, 10n);
  const close = request(OP.flush, 1n, 10n);
  assert.ok(writes.takes(close, false));
  assert.ok(writes.answered(first, written(first, 100)));
  assert.ok(!told.has(close.unique));
  assert.ok(writes.answered(second, written(second, 100)));
  assert.equal(told.get(close.unique), 0);
  assert.deepEqual(released, [first, second]);
  const drained = writes.drained();
  assert.ok(writes.answered(other, written(other, 100)));
  await drained;
  assert.equal(writes.pendingBytes, 0);
  assert.ok(!writes.takes(request(OP.flush, 1n, 10n), false), 'nothing is left to be waited for');
});

test('what went wrong is told once to each handle that wrote, by write, fsync or close', () => {
  const { writes, told, write } = start();
  for (const handle of [10n, 11n, 12n]) {
    const unique = write(1n, handle);
    assert.ok(writes.answered(unique, errorAnswer(unique, ERRNO.ENOSPC)));
  }
  const again = request(OP.write, 1n, 10n, { payload: 5 });
  assert.ok(writes.takes(again, false));
  assert.equal(told.get(again.unique), ERRNO.ENOSPC);
  const sync = request(OP.fsync, 1n, 11n);
  assert.ok(!writes.takes(sync, false), 'the other machine flushes what it has');
  assert.ok(writes.answered(sync.unique, errorAnswer(sync.unique, 0)));
  assert.equal(told.get(sync.unique), ERRNO.ENOSPC);
  const reader = request(OP.fsync, 1n, 13n);
  assert.ok(!writes.takes(reader, false));
  assert.ok(writes.answered(reader.unique, errorAnswer(reader.unique, 0)));
  assert.equal(told.get(reader.unique), ERRNO.ENOSPC, 'who has not written learns of it while it is untold');
  const close = request(OP.flush, 1n, 12n);
  assert.ok(writes.takes(close, false));
  assert.equal(told.get(close.unique), ERRNO.ENOSPC);
  for (const handle of [10n, 11n, 12n]) assert.ok(!writes.takes(request(OP.flush, 1n, handle), false));
});

test('a write of fewer bytes than were given is a failure, and a closed handle is forgotten', () => {
  const { writes, told, write } = start();
  const short = write(1n, 10n);
  assert.ok(writes.answered(short, written(short, 99)));
  const close = request(OP.flush, 1n, 10n);
  assert.ok(writes.takes(close, false));
  assert.equal(told.get(close.unique), ERRNO.EIO);
  const lost = write(1n, 10n);
  writes.takes(request(OP.release, 1n, 10n), false);
  assert.ok(writes.answered(lost, errorAnswer(lost, ERRNO.EIO)));
  assert.ok(!writes.takes(request(OP.flush, 1n, 10n), false), 'its number may be given to another one');
});

test('a close that the other machine answers, for its locks, tells of writes before it', () => {
  const { writes, told, write } = start();
  const unique = write(1n, 10n);
  const close = request(OP.flush, 1n, 10n);
  assert.ok(!writes.takes(close, true));
  assert.ok(writes.answered(unique, errorAnswer(unique, ERRNO.EIO)));
  assert.ok(writes.answered(close.unique, errorAnswer(close.unique, 0)));
  assert.equal(told.get(close.unique), ERRNO.EIO);
});

test('who asks to wait does, and so does everybody once much is on its way', () => {
  const { writes, write } = start();
  assert.ok(!writes.mayGoAhead(request(OP.write, 1n, 10n, { payload: 8, flags: O_SYNC })));
  const large = 1024 * 1024;
  const many = Math.floor(LIMITS.mountAheadMaxBytes.value / large) - 1;
  const sent = Array.from({ length: many }, () => write(1n, 10n, large));
  assert.ok(!writes.mayGoAhead(request(OP.write, 1n, 10n, { payload: large })));
  for (const unique of sent) writes.answered(unique, written(unique, large));
  assert.ok(writes.mayGoAhead(request(OP.write, 1n, 10n, { payload: large })));
});
