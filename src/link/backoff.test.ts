import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Random } from '../world/clock.ts';
import { Backoff } from './backoff.ts';

function constant(share: number): Random {
  return {
    u32: () => Math.floor(share * 0xffff_ffff),
    bytes: (n) => new Uint8Array(n),
    fork: () => constant(share),
  };
}

const waits = (backoff: Backoff, count: number) =>
  Array.from({ length: count }, () => Math.round(backoff.nextMs()));

describe('Backoff', () => {
  it('doubles from 50 ms to 2 s and stays there; a success starts it again', () => {
    const backoff = new Backoff(constant(1));
    assert.deepEqual(waits(backoff, 8), [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    backoff.reset();
    assert.deepEqual(waits(backoff, 2), [50, 100]);
  });

  it('goes on to the longest wait that is asked for', () => {
    const backoff = new Backoff(constant(1), 5_000);
    assert.deepEqual(waits(backoff, 9).slice(5), [1600, 3200, 5000, 5000]);
  });

  it('draws each wait from the upper half', () => {
    assert.deepEqual(waits(new Backoff(constant(0)), 7), [25, 50, 100, 200, 400, 800, 1000]);
  });
});
