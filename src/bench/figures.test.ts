import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FIGURES, median, rotated, type Sample, sampleOf } from './figures.ts';
import { type ShareResult, summaryOf } from './results.ts';
import { verdictsOf } from './targets.ts';

const sample = (perSecond: number): Sample => ({
  ...{ perSecond, elapsedMs: 1, meanUs: null, p99Us: null, clientCpuMs: 0, serverCpuMs: 0 },
});

function result(name: string, read: readonly (number | null)[]): ShareResult {
  const samples = read.map((perSecond) => (perSecond === null ? null : sample(perSecond)));
  return { name, what: '', version: '', reason: null, failures: {}, samples: { read: samples } };
}

const readOf = (left: readonly (number | null)[], right: readonly (number | null)[]) =>
  verdictsOf([result('webdav', left), result('rclone-webdav', right)]).find(
    ({ figure, atLeast }) => figure === 'read' && atLeast !== null,
  );

describe('figures of shares', () => {
  it('have a median and a rotation', () => {
    assert.equal(median([]), null);
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.deepEqual(rotated([1, 2, 3], 4), [2, 3, 1]);
    assert.deepEqual(rotated([], 4), []);
  });

  it('count MiB or pieces in a second, and take the client from what all have used', () => {
    const outcome = { elapsedMs: 500, cpuMs: 30, amount: 2 * 1024 ** 2, latencies: null };
    const [read, list] = ['read', 'list'].map((name) => FIGURES.find((spec) => spec.name === name)!);
    assert.equal(sampleOf(read!, outcome, 100).perSecond, 4);
    assert.equal(sampleOf(list!, outcome, 100).perSecond, 4 * 1024 ** 2);
    assert.equal(sampleOf(read!, outcome, 100).serverCpuMs, 70);
    assert.equal(sampleOf(read!, outcome, 20).serverCpuMs, 0);
  });

  it('are summed up from the rounds that have them', () => {
    const summary = summaryOf([sample(1), null, sample(5), sample(2)], 'MiB/s');
    assert.deepEqual([summary?.perSecond, summary?.least, summary?.most], [2, 1, 5]);
    assert.equal(summaryOf([null], 'MiB/s'), null);
  });
});

describe('targets of shares', () => {
  it('compare within a round only', () => {
    // the medians of both are 20 and 20; within the rounds ours is twice as fast
    const verdict = readOf([20, 200, 2], [10, 100, 1]);
    assert.equal(verdict?.ratio, 2);
    assert.equal(verdict?.isMet, true);
    assert.equal(readOf([20, null, 2], [10, 100, null])?.ratio, 2);
  });

  it('tell what is missed, and what was not measured', () => {
    assert.equal(readOf([14], [10])?.isMet, false);
    assert.equal(readOf([15], [10])?.isMet, true);
    assert.deepEqual(
      [readOf([null], [10])].map((one) => [one?.ratio, one?.isMet]),
      [[null, null]],
    );
    assert.deepEqual(verdictsOf([result('webdav', [1])]), []);
  });
});
