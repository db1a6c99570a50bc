// The traces by which a cache is judged, small; with CAUSEWAY_CACHE_ACCESSES=60000 as long as `causeway bench cache` can
// tell policies apart well, and with SEED=n others of the same kind.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { S3Fifo } from '../eviction/s3_fifo.ts';
import { RECURRING_TRACES, TRACES } from '../traces/all.ts';
import { footprintBytes } from '../traces/trace.ts';
import { simulatePredicted } from './predicted.ts';
import { type Cell, compare, meanOf, simulate } from './simulate.ts';

const ACCESSES = Number(process.env['CAUSEWAY_CACHE_ACCESSES'] ?? 8_000);
/** What comes again has to come a few times. */
const RECURRING_ACCESSES = Math.max(30_000, ACCESSES);
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

describe('prediction', () => {
  it('adds 10 points of hits to workloads that recur, and wastes at most 5 % of the bytes', () => {
    let [gained, predictedBytes, unusedBytes] = [0, 0, 0];
    for (const name of RECURRING_TRACES) {
      const trace = TRACES[name]!({ seed: SEED, blockBytes: 65_536, accesses: RECURRING_ACCESSES });
      const footprint = footprintBytes(trace);
      let [points, fetched, unused] = [0, 0, 0];
      for (const size of SIZES) {
        const capacityBytes = Math.ceil(footprint * size);
        const plain = simulate(trace, new S3Fifo(capacityBytes));
        const outcome = simulatePredicted(trace, new S3Fifo(capacityBytes), capacityBytes);
        points += ((outcome.hits - plain.hits) / plain.accesses) * 100;
        fetched += outcome.fetchedBytes;
        unused += outcome.unusedBytes;
        predictedBytes += outcome.predictedBytes;
      }
      points /= SIZES.length;
      gained += points / RECURRING_TRACES.length;
      unusedBytes += unused;
      console.log(`${name}: + ${points.toFixed(1)} points, wasted ${percent(unused / fetched)}`);
      assert.ok(points > 0 && unused / fetched <= 0.05, name);
    }
    const precision = 1 - unusedBytes / predictedBytes;
    console.log(`prediction: + ${gained.toFixed(1)} points, right ${percent(precision)}`);
    assert.ok(gained >= 10, `${gained}`);
    assert.ok(precision >= 0.92, `${precision}`);
  });
});
