import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { createNodeClock } from './clock.ts';

const clock = createNodeClock();

test('a sleep never ends early, not by a fraction of a millisecond', async () => {
  for (const durationMs of [0, 0.4, 1, 2.5, 7]) {
    const startMs = clock.monotonicMs();
    await clock.sleep(durationMs);
    assert.ok(clock.monotonicMs() - startMs >= durationMs);
  }
});

test('a sleep longer than a timer can count does not end at once', async () => {
  const abort = new AbortController();
  const sleep = clock.sleep(2 ** 40, abort.signal);
  const first = await Promise.race([sleep.then(() => 'ended'), clock.sleep(5).then(() => 'sleeps')]);
  abort.abort();
  await assert.rejects(sleep);
  assert.equal(first, 'sleeps');
});

test('an abort ends a sleep with its reason, CW_CANCELLED where it has none', async () => {
  const reason = new CausewayError('CW_LINK_DEAD', 'gone');
  await assert.rejects(clock.sleep(60_000, AbortSignal.abort(reason)), reason);
  const abort = new AbortController();
  const sleep = clock.sleep(60_000, abort.signal);
  abort.abort();
  await assert.rejects(sleep, { code: 'CW_CANCELLED' });
});
