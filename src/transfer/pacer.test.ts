import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../world/clock.ts';
import { Pacer } from './pacer.ts';

/** A clock on which every wait takes exactly its time. */
function clock(): Clock & { nowMs: number } {
  const self = {
    nowMs: 1_000,
    monotonicMs: () => self.nowMs,
    wallMs: () => self.nowMs,
    sleep: async (durationMs: number, signal?: AbortSignal) => {
      signal?.throwIfAborted();
      self.nowMs += durationMs;
    },
  };
  return self;
}

const FOREVER = new AbortController().signal;

test('on average no more than the limit goes, and waiting shows', async () => {
  const time = clock();
  const pacer = new Pacer(time, 100_000);
  const startMs = time.nowMs;
  let shown = 0;
  for (let at = 0; at < 50; at += 1)
    await pacer.take(250_000, FOREVER, () => {
      shown += 1;
    });
  // 50 pieces of 2.5 s each: the last begins when the 49 before it have had their time
  assert.equal(time.nowMs - startMs, 49 * 2_500);
  assert.ok(shown >= 49 * 2, `${shown}`);
});

test('time that was not used is not saved up', async () => {
  const time = clock();
  const pacer = new Pacer(time, 1_000);
  await pacer.take(1_000, FOREVER, () => undefined);
  time.nowMs += 3_600_000;
  await pacer.take(10_000, FOREVER, () => undefined);
  const beforeMs = time.nowMs;
  await pacer.take(1, FOREVER, () => undefined);
  assert.equal(time.nowMs - beforeMs, 10_000 - 250);
});

test('a wait ends with the signal', async () => {
  const pacer = new Pacer(clock(), 1);
  await pacer.take(1_000, FOREVER, () => undefined);
  const over = new AbortController();
  over.abort(new Error('enough'));
  await assert.rejects(
    pacer.take(1, over.signal, () => undefined),
    /enough/,
  );
});
