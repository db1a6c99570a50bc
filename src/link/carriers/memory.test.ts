import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Seeded, testSeed } from '../../../test/link/seeded.ts';
import { concat, equalBytes } from '../../base/bytes.ts';
import { memoryPair } from './memory.ts';

const SEED = testSeed();

describe('memoryPair', () => {
  it('carries bytes in both directions whatever the sizes of ring, reads and writes', async () => {
    for (let round = 0; round < 50; round += 1) {
      const random = new Seeded(SEED + round);
      const ends = memoryPair({ capacityBytes: 1 + random.below(300) });
      await Promise.all(
        [0, 1].map(async (side) => {
          const [from, to] = side === 0 ? ends : [ends[1], ends[0]];
          const bytes = random.bytes(3_000);
          const write = async () => {
            for (let at = 0; at < bytes.byteLength; ) {
              const end = Math.min(at + random.below(500), bytes.byteLength);
              const middle = at + random.below(end - at + 1);
              await from.write([bytes.subarray(at, middle), new Uint8Array(0), bytes.subarray(middle, end)]);
              at = end;
            }
          };
          const read = async () => {
            const got: Uint8Array[] = [];
            for (let left = bytes.byteLength; left > 0; ) {
              const into = new Uint8Array(1 + random.below(700));
              const minBytes = Math.min(1 + random.below(into.byteLength), left);
              const count = await to.read(into, minBytes);
              assert.ok(count >= minBytes);
              got.push(into.slice(0, count));
              left -= count;
            }
            assert.ok(equalBytes(concat(got), bytes));
          };
          await Promise.all([write(), read()]);
        }),
      );
    }
  });

  it('lets the peer read what was written before the end', async () => {
    const [left, right] = memoryPair();
    await left.write([new Uint8Array(5)]);
    await left.close();
    assert.equal(await right.read(new Uint8Array(10), 10), 5);
    assert.equal(await right.read(new Uint8Array(10), 1), 0);
    await assert.rejects(right.write([new Uint8Array(1)]), { code: 'CW_LINK_CLOSED' });
    await assert.rejects(left.read(new Uint8Array(1), 1), { code: 'CW_LINK_CLOSED' });
  });

  it('unblocks a pending read and a pending write when it is closed, on both ends', async () => {
    for (const end of [0, 1]) {
      const ends = memoryPair({ capacityBytes: 1 });
      const reading = ends[0].read(new Uint8Array(1), 1);
      const writing = ends[0].write([new Uint8Array(2)]);
      await (ends[end] as (typeof ends)[0]).close();
      if (end === 0) await assert.rejects(reading, { code: 'CW_LINK_CLOSED' });
      else assert.equal(await reading, 0);
      await assert.rejects(writing, { code: 'CW_LINK_CLOSED' });
    }
  });
});
