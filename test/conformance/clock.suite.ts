import assert from 'node:assert/strict';
import { CausewayError } from '../../src/base/errors.ts';
import { type Case, registerCases, rejectsWith, type WorldHarness } from './harness.ts';

const YEAR_2020_MS = 1_577_836_800_000;

const CASES: readonly Case[] = [
  [
    'never goes back, and sleeps at least as long as asked',
    async ({ world: { clock } }) => {
      for (const durationMs of [0, 1, 5, 20]) {
        const startMs = clock.monotonicMs();
        await clock.sleep(durationMs);
        const passedMs = clock.monotonicMs() - startMs;
        assert.ok(passedMs >= durationMs, `${passedMs} ms passed instead of ${durationMs} ms`);
      }
    },
  ],
  [
    'shows the wall time in milliseconds since 1970',
    async ({ world: { clock } }) => {
      assert.ok(clock.wallMs() > YEAR_2020_MS);
      assert.ok(clock.wallMs() < 3 * YEAR_2020_MS);
    },
  ],
  [
    'ends a shorter sleep before a longer one',
    async ({ world: { clock } }) => {
      const order: string[] = [];
      const long = clock.sleep(60).then(() => order.push('long'));
      const short = clock.sleep(10).then(() => order.push('short'));
      await Promise.all([long, short]);
      assert.deepEqual(order, ['short', 'long']);
    },
  ],
  [
    'rejects a sleep whose signal is aborted already',
    async ({ world: { clock } }) => {
      await rejectsWith(clock.sleep(60_000, AbortSignal.abort()), 'CW_CANCELLED');
    },
  ],
  [
    'ends a sleep when the signal is aborted',
    async ({ world: { clock } }) => {
      const control = new AbortController();
      const sleeping = rejectsWith(clock.sleep(60_000, control.signal), 'CW_CANCELLED');
      control.abort();
      await sleeping;
    },
  ],
  [
    'rejects an aborted sleep with the reason given',
    async ({ world: { clock } }) => {
      const control = new AbortController();
      const sleeping = clock.sleep(60_000, control.signal);
      const reason = new CausewayError('CW_LINK_DEAD', 'the other side is silent');
      control.abort(reason);
      await assert.rejects(sleeping, reason);
    },
  ],
  [
    'takes no notice of an abort after the sleep',
    async ({ world: { clock } }) => {
      const control = new AbortController();
      await clock.sleep(1, control.signal);
      control.abort();
    },
  ],
];

export function clockSuite(harness: WorldHarness): void {
  registerCases(harness, 'clock', CASES);
}
