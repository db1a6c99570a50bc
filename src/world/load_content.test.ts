import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LOAD_BLOCK_BYTES, LoadContent, latenciesOf } from './load_content.ts';

describe('what a file of a benchmark holds', () => {
  const content = new LoadContent(11);
  const [first, second] = [0, 1].map((index) => Uint8Array.from(content.block(index)));
  const both = Buffer.concat([first!, second!]);

  it('is known at any place, across blocks', () => {
    assert.ok(content.holds(both, 0));
    assert.ok(content.holds(both.subarray(LOAD_BLOCK_BYTES - 5, LOAD_BLOCK_BYTES + 9), LOAD_BLOCK_BYTES - 5));
  });

  it('is no other block, no other place, no other seed, and not damaged', () => {
    assert.ok(!content.holds(second!, 0));
    assert.ok(!content.holds(both.subarray(1, 100), 0));
    assert.ok(!new LoadContent(12).holds(first!, 0));
    const damaged = Uint8Array.from(both);
    damaged[LOAD_BLOCK_BYTES + 77]! ^= 1;
    assert.ok(!content.holds(damaged, 0));
  });
});

describe('latencies', () => {
  it('have a mean and a 99th percentile by nearest rank', () => {
    const times = Float64Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.deepEqual(latenciesOf(times), { meanUs: 50_500, p99Us: 99_000 });
    assert.deepEqual(latenciesOf(new Float64Array(0)), { meanUs: 0, p99Us: 0 });
  });
});
