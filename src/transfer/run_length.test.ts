import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RunLength } from './run_length.ts';

const MIB = 1 << 20;

it('reads more chunks in one go while they come fast, and one again where they do not', () => {
  const length = new RunLength({ lanes: 2, chunkBytes: MIB });
  const counts: number[] = [];
  for (const msOfEach of [1, 1, 1, 20, 21, 20, 500]) {
    length.took(msOfEach * length.count, length.count);
    counts.push(length.count);
  }
  assert.deepEqual(counts, [2, 4, 4, 4, 1, 2, 1]);
});

for (const [lanes, chunkBytes, most] of [
  [1, 64 * 1024, 4],
  [4, MIB, 3],
  [16, MIB, 1],
  [1, 4 * MIB, 3],
  [2, 4 * MIB, 1],
] as const)
  it(`reads at most ${most} of ${chunkBytes} bytes at a time with ${lanes} lanes`, () => {
    const length = new RunLength({ lanes, chunkBytes });
    for (let run = 0; run < 5; run += 1) length.took(0, length.count);
    assert.equal(length.count, most);
  });
