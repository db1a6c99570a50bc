import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FarLocks } from './far_locks.ts';
import { FarRequests } from './far_requests.ts';
import { errorAnswer } from './far_writes.ts';
import { interruptFrame } from './notices.ts';
import { ERRNO, IN_HEADER_BYTES, OP } from './protocol.ts';

const NODE = 7n;
const UNLOCK = 2;

/** A request of a kernel as it passes. */
function passing(opcode: number, unique: bigint, lockType = 0) {
  const bytes = new Uint8Array(IN_HEADER_BYTES + 48);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.byteLength, true);
  view.setUint32(4, opcode, true);
  view.setBigUint64(8, unique, true);
  view.setBigUint64(16, NODE, true);
  view.setUint32(IN_HEADER_BYTES + 32, lockType, true);
  return { bytes, view, opcode, unique };
}

it('a file is read anew when a lock on it was got, and at no other answer', () => {
  const locks = new FarLocks();
  const granted = (opcode: number, unique: bigint, errno: number, type = 1) => {
    locks.passing(passing(opcode, unique, type));
    return locks.granted(unique, errorAnswer(unique, errno));
  };
  assert.equal(granted(OP.setlk, 1n, 0, UNLOCK), null);
  assert.ok(!locks.isLocked(NODE));
  assert.equal(granted(OP.setlk, 2n, 0), NODE);
  assert.equal(granted(OP.setlkw, 3n, 0, 0), NODE);
  assert.equal(granted(OP.setlk, 4n, ERRNO.EAGAIN), null);
  assert.equal(granted(OP.getlk, 5n, 0), null);
  assert.equal(locks.granted(2n, errorAnswer(2n, 0)), null);
  assert.ok(locks.isLocked(NODE));
  locks.passing(passing(OP.forget, 6n));
  assert.ok(!locks.isLocked(NODE));
});

it('locks are asked for again after a cut, but for those that nobody waits for any more', () => {
  const failed: [bigint, number][] = [];
  const requests = new FarRequests((unique, errno) => failed.push([unique, errno]));
  const ask = (opcode: number, unique: bigint) => {
    const { bytes } = passing(opcode, unique);
    requests.add(unique, opcode, bytes, true);
    return bytes;
  };
  const again = [ask(OP.setlk, 1n), ask(OP.setlkw, 2n)];
  ask(OP.setlkw, 3n);
  ask(OP.unlink, 4n);
  requests.interrupt(3n);
  requests.interrupt(1n); // does not wait: its answer comes
  requests.lost();
  assert.deepEqual(failed, [
    [3n, ERRNO.EINTR],
    [4n, ERRNO.EIO],
  ]);
  assert.deepEqual(requests.takeUnsent(), again);
  requests.failAll(ERRNO.ENOTCONN);
  assert.deepEqual(requests.takeAbandoned(), [3n, 2n]);
  assert.deepEqual(requests.takeAbandoned(), []);
  const frame = new DataView(interruptFrame(3n).buffer);
  assert.deepEqual([frame.getUint32(4, true), frame.getBigUint64(IN_HEADER_BYTES, true)], [OP.interrupt, 3n]);
});
