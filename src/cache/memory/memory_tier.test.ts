import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryTier } from './memory_tier.ts';

const block = (value: number) => new Uint8Array(100).fill(value);

describe('blocks in memory', () => {
  it('keeps those that were used last, within its limit', () => {
    const tier = new MemoryTier(300);
    for (const name of ['a', 'b', 'c']) tier.put(name, 'file', block(1));
    assert.ok(tier.get('a'));
    tier.put('d', 'file', block(2));
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => tier.has(name)),
      [true, false, true, true],
    );
    tier.limitBytes = 100;
    assert.equal(tier.bytes, 100);
    assert.deepEqual(tier.get('d'), block(2));
    tier.limitBytes = 0;
    tier.put('e', 'file', block(3));
    assert.equal(tier.bytes, 0);
  });

  it('drops what there is of a file, and nothing else', () => {
    const tier = new MemoryTier(1_000);
    tier.put('a1', 'a', block(1));
    tier.put('b1', 'b', block(2));
    tier.put('a2', 'a', block(3));
    tier.drop('a');
    tier.drop('a');
    assert.equal(tier.bytes, 100);
    assert.ok(tier.has('b1'));
    tier.clear();
    assert.equal(tier.bytes, 0);
  });
});
