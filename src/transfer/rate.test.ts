import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateEstimator } from './rate.ts';

test('the time left of a counter that rises in steps is right between the steps too', () => {
  const [total, perMs, stepMs] = [100_000, 10, 500];
  const rate = new RateEstimator();
  for (let now = 0; now <= 9_000; now += 100) {
    const bytes = Math.floor(now / stepMs) * stepMs * perMs;
    rate.sample(now, bytes);
    if (now < 2_000) continue;
    const { lowMs, highMs } = rate.remaining(total - bytes)!;
    const actualMs = total / perMs - now;
    assert.ok(
      Math.abs(lowMs - actualMs) < 1 && Math.abs(highMs - actualMs) < 1,
      `${lowMs} ${highMs} ${actualMs}`,
    );
  }
});

test('a counter that stands still tells no time left at first, and a longer one later', () => {
  const rate = new RateEstimator();
  rate.sample(0, 0);
  rate.sample(100, 0);
  assert.equal(rate.remaining(1_000), null);
  for (let now = 200; now <= 1_000; now += 100) rate.sample(now, now);
  const moving = rate.remaining(1_000)!;
  for (let now = 1_100; now <= 5_000; now += 100) rate.sample(now, 1_000);
  assert.ok(rate.remaining(1_000)!.highMs >= moving.highMs - 100, 'silence does not count as progress');
});
