// The traces by which a cache is judged, small; with CAUSEWAY_CACHE_ACCESSES=60000 as long as `causeway bench cache` can
// tell policies apart well, and with SEED=n others of the same kind.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TRACES } from '../traces/all.ts';
import { type Cell, compare, meanOf } from './simulate.ts';

const ACCESSES = Number(process.env['CAUSEWAY_CACHE_ACCESSES'] ?? 12_000);
const SEED = Number(process.env['SEED'] ?? 1);
const SIZES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4];

const percent = (rate: number) => `${(rate * 100).toFixed(2)} %`;

describe('what leaves a full cache', () => {
  const cells = new Map<string, readonly Cell[]>();
  before(() => {
    console.log(`SEED=${SEED}`);
    for (const [name, make] of Object.entries(TRACES))
      cells.set(name, [...compare(make({ seed: SEED, blockBytes: 65_536, accesses: ACCESSES }), SIZES)]);
  });

  for (const name of Object.keys(TRACES)) {
    it(`${name}: S3-FIFO has more hits than LRU`, () => {
      const { lru, 's3-fifo': ours, optimum } = meanOf(cells.get(name)!);
      console.log(`${name}: lru ${percent(lru!)}, s3-fifo ${percent(ours!)}, optimum ${percent(optimum!)}`);
      assert.ok(ours! > lru!, `${ours} and ${lru}`);
    });
  }

  it('S3-FIFO has more hits than ARC on the mean', () => {
    const { arc, 's3-fifo': ours } = meanOf([...cells.values()].flat());
    console.log(`mean: arc ${percent(arc!)}, s3-fifo ${percent(ours!)}`);
    assert.ok(ours! > arc!, `${ours} and ${arc}`);
  });

  it('nothing has more hits than the optimum', () => {
    for (const { hitRates, trace, size } of [...cells.values()].flat())
      for (const [name, rate] of Object.entries(hitRates))
        assert.ok(rate <= hitRates['optimum']!, `${name} on ${trace}, ${size}: ${rate}`);
  });
});
