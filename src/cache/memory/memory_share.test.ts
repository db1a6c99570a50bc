import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryShare } from './memory_share.ts';

const MIB = 1024 * 1024;
const CALM = { allowedBytes: 512 * MIB, availableBytes: 400 * MIB, waitMs: 0 };
const FULL_BYTES = Math.floor(0.4 * 512 * MIB);

describe('what caches may have of the memory', () => {
  it('is 40 % of what is allowed, where nobody waits for memory', () => {
    const share = new MemoryShare();
    assert.deepEqual(share.look({ ...CALM, atMs: 0 }), { budgetBytes: FULL_BYTES, pressure: 0 });
    assert.equal(share.look({ ...CALM, atMs: 1_000, allowedBytes: 100 * MIB }).budgetBytes, 40 * MIB);
    const unknown = { ...CALM, availableBytes: null, waitMs: null };
    assert.deepEqual(share.look({ ...unknown, atMs: 2_000 }), { budgetBytes: FULL_BYTES, pressure: 0 });
  });

  it('falls at once when processes wait for memory, and comes back by steps', () => {
    const share = new MemoryShare();
    share.look({ ...CALM, atMs: 0 });
    assert.ok(Math.abs(share.look({ ...CALM, atMs: 1_000, waitMs: 50 }).pressure - 0.5) < 1e-9);
    const worst = share.look({ ...CALM, atMs: 2_000, waitMs: 900 });
    assert.equal(worst.pressure, 1);
    assert.ok(worst.budgetBytes < FULL_BYTES / 9);
    const after: number[] = [];
    for (let look = 3; look < 14; look += 1)
      after.push(share.look({ ...CALM, atMs: look * 1_000, waitMs: 900 }).pressure);
    assert.ok(after.every((pressure, at) => at === 0 || pressure <= after[at - 1]!));
    assert.ok(after[0]! > 0.8 && after.at(-1) === 0, String(after));
  });

  it('falls where hardly any memory is available, before anybody waits', () => {
    const pressureAt = (part: number) =>
      new MemoryShare().look({ ...CALM, atMs: 0, availableBytes: part * CALM.allowedBytes }).pressure;
    assert.equal(pressureAt(0.2), 0);
    assert.ok(pressureAt(0.07) > 0.3 && pressureAt(0.07) < 0.7);
    assert.equal(pressureAt(0.03), 1);
  });
});
