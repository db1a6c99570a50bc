import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { FarLate } from './far_late.ts';
import { IN_HEADER_BYTES, OP, RELEASE_UNLOCK_FLOCK } from './protocol.ts';

/** A RELEASE; `number` tells it from others. */
function release(number: number, flags = 0, opcode: number = OP.release) {
  const bytes = new Uint8Array(IN_HEADER_BYTES + 24);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, BigInt(number), true);
  view.setUint32(IN_HEADER_BYTES + 12, flags, true);
  return { bytes, view, opcode, unique: BigInt(number) };
}

function rig() {
  const sent: number[][] = [];
  const ring: (() => void)[] = [];
  const sleep = () => new Promise<void>((resolve) => void ring.push(resolve));
  const numbers = (frames: readonly Uint8Array[]) =>
    frames.map((frame) => Number(new DataView(frame.buffer).getBigUint64(8, true)));
  const late = new FarLate({ sleep }, (frames) => void sent.push(numbers(frames)));
  const passes = async () => {
    for (const call of ring.splice(0)) call();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { late, sent, passes, numbers };
}

describe('files that are closed', () => {
  it('are told of with the next request, or by themselves a moment later, each once and in order', async () => {
    const { late, sent, passes, numbers } = rig();
    for (const number of [1, 2]) late.add(release(number).bytes);
    assert.deepEqual(numbers(late.take()), [1, 2]);
    await passes();
    assert.deepEqual(sent, []);
    for (const number of [3, 4]) late.add(release(number).bytes);
    await passes();
    assert.deepEqual(sent, [[3, 4]]);
    late.add(release(5).bytes);
    await passes();
    assert.deepEqual(sent, [[3, 4], [5]]);
  });

  it('do not wait where there are many of them, or others may wait for a lock', async () => {
    const { late, sent } = rig();
    for (let number = 0; number < LIMITS.mountLateMax.value; number += 1) late.add(release(number).bytes);
    assert.equal(sent[0]?.length, LIMITS.mountLateMax.value);
    assert.ok(FarLate.mayWait(release(1)));
    assert.ok(!FarLate.mayWait(release(1, RELEASE_UNLOCK_FLOCK)));
    assert.ok(!FarLate.mayWait(release(1, 0, OP.flush)));
  });
});
