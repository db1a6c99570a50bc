import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../test/link/manual_clock.ts';
import { Seeded, testSeed } from '../../../test/link/seeded.ts';
import { concat, equalBytes } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { PingPong } from './ping_pong.ts';
import { RateMeter } from './rate_meter.ts';
import { ReadPace } from './read_pace.ts';
import { ReplayBuffer } from './replay_buffer.ts';
import { SendWindow } from './send_window.ts';

const SEED = testSeed();

describe('ReplayBuffer', () => {
  it('gives the same bytes again from any acknowledged offset, and releases each write once, in order', () => {
    const random = new Seeded(SEED);
    for (let round = 0; round < 40; round += 1) {
      const buffer = new ReplayBuffer();
      const all: Uint8Array[] = [];
      const released: number[] = [];
      const ends: number[] = [];
      for (let step = 0; step < 400; step += 1) {
        const choice = random.below(10);
        if (choice < 4) {
          const parts = Array.from({ length: random.below(4) }, () => random.bytes(random.below(20)));
          all.push(...parts);
          const number = ends.push(buffer.queuedAt + concat(parts).byteLength) - 1;
          buffer.push(parts, () => released.push(number));
        } else if (choice < 8) {
          const out: Uint8Array[] = [];
          const from = buffer.sentAt;
          const count = buffer.take(random.below(50), out);
          assert.equal(buffer.sentAt, from + count);
          assert.ok(equalBytes(concat(out), concat(all).subarray(from, from + count)));
        } else if (choice < 9) {
          const span = buffer.sentAt - buffer.acknowledgedAt;
          buffer.acknowledge(buffer.acknowledgedAt + random.below(span + 1));
        } else {
          buffer.rewind();
          assert.equal(buffer.sentAt, buffer.acknowledgedAt);
        }
        const due = ends.filter((end) => end <= buffer.acknowledgedAt).length;
        assert.ok(released.length >= due || ends[released.length] === buffer.acknowledgedAt);
      }
      buffer.releaseAll();
      assert.deepEqual(
        [...released].sort((a, b) => a - b),
        ends.map((_, number) => number),
      );
    }
  });
});

describe('SendWindow', () => {
  it('doubles after each quiet stretch and falls to the minimum after a cut', () => {
    const window = new SendWindow();
    const sizes = Array.from({ length: 5 }, () => {
      window.acknowledged(LIMITS.sessionWindowGrowAfterBytes.value);
      return window.sizeBytes / 1024 / 1024;
    });
    assert.deepEqual(sizes, [2, 4, 8, 8, 8]);
    window.acknowledged(LIMITS.sessionWindowGrowAfterBytes.value - 1);
    window.cut();
    window.acknowledged(1);
    assert.equal(window.sizeBytes, LIMITS.sessionWindowMinBytes.value);
    assert.ok(window.wholeRecordMaxBytes <= window.sizeBytes / 4);
  });
});

describe('RateMeter', () => {
  it('measures what is acknowledged while the sender is busy, and nothing while it is not', () => {
    const meter = new RateMeter();
    let nowMs = 0;
    const measured = () => meter.bytesPerMs ?? Number.NaN;
    const run = (bytesPerMs: number, rounds: number) => {
      for (let i = 0; i < rounds; i += 1) {
        nowMs += 7;
        meter.acknowledged(7 * bytesPerMs, nowMs);
      }
    };
    run(1000, 3);
    assert.equal(meter.bytesPerMs, null);
    run(1000, 50);
    assert.ok(Math.abs(measured() - 1000) < 1);
    meter.idle(nowMs);
    run(10, 50);
    assert.ok(Math.abs(measured() - 1000) < 1);
    meter.busy(nowMs);
    run(10, 200);
    assert.ok(Math.abs(measured() - 10) < 1);
    meter.reset();
    assert.equal(meter.bytesPerMs, null);
  });
});

describe('ReadPace', () => {
  it('waits for much on a fast carrier and for single bytes on a crawling one', () => {
    const pace = new ReadPace();
    for (let i = 0; i < 10; i += 1) pace.took(1);
    assert.equal(pace.minBytes, 256 * 1024);
    pace.took(200);
    assert.equal(pace.minBytes, 256 * 1024);
    for (let i = 0; i < 10; i += 1) pace.took(1000);
    assert.equal(pace.minBytes, 1);
  });
});

describe('PingPong', () => {
  it('shares one ping under way, ignores foreign answers and asks again on a new carrier', async () => {
    const clock = new ManualClock();
    let wakes = 0;
    const pings = new PingPong(clock, () => (wakes += 1));
    const [first, second] = [pings.ping(), pings.ping()];
    assert.equal(pings.takeRequest(), 1);
    assert.equal(pings.takeRequest(), null);
    pings.arrived(7);
    pings.renew();
    pings.arrived(1);
    assert.equal(pings.roundTripMs, null);
    assert.equal(pings.takeRequest(), 2);
    await clock.advance(12);
    pings.arrived(2);
    assert.deepEqual(await Promise.all([first, second]), [12, 12]);
    assert.equal(pings.roundTripMs, 12);
    pings.answer(5);
    pings.answer(6);
    assert.deepEqual([pings.takeAnswer(), pings.takeAnswer()], [6, null]);
    assert.ok(wakes >= 3);
    const lost = pings.ping();
    pings.close(new CausewayError('CW_LINK_CLOSED', 'over'));
    await assert.rejects(lost, { code: 'CW_LINK_CLOSED' });
  });
});
