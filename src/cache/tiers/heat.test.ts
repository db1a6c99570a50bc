// How hot blocks are. SEED=N repeats one run.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { Dice } from '../../world/sim/dice.ts';
import { Heat } from './heat.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? 5 : 1;
const WINDOW = LIMITS.cacheTierWindowMs.value;
const one = Heat.keyOf('1:2:3', 7);

it('counts uses, and forgets half of them in a third of the window, and all but an eighth in all of it', () => {
  const heat = new Heat(1_000, 0);
  for (let use = 0; use < 64; use += 1) heat.use(one, use);
  assert.equal(heat.of(one, 100), 64);
  const isAbout = (expected: number, atMs: number) => {
    const is = heat.of(one, atMs);
    assert.ok(Math.abs(is - expected) < expected / 20, `${is} instead of ${expected}`);
  };
  isAbout(32, WINDOW / 3);
  isAbout(8, WINDOW);
  assert.equal(heat.of(one, 20 * WINDOW), 0);
});

it('tells blocks and files apart, and holds on at its highest count', () => {
  const heat = new Heat(1_000, 0);
  for (let use = 0; use < 1_000; use += 1) heat.use(one, 0);
  assert.ok(heat.of(one, 0) > 255);
  for (const other of [Heat.keyOf('1:2:3', 8), Heat.keyOf('1:2:4', 7)]) assert.equal(heat.of(other, 0), 0);
});

it('never has a block cooler than it is, and few hotter', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
    const dice = Dice.fromSeed(seed);
    const heat = new Heat(4_000, 0);
    const uses = new Map<number, number>();
    for (let step = 0; step < 8_000; step += 1) {
      const key = Heat.keyOf(`64769:${dice.between(0, 9)}`, dice.between(0, 399));
      uses.set(key, (uses.get(key) ?? 0) + 1);
      heat.use(key, 0);
    }
    let above = 0;
    for (const [key, count] of uses) {
      assert.ok(heat.of(key, 0) >= count, `SEED=${seed}`);
      if (heat.of(key, 0) > count) above += 1;
    }
    assert.ok(above < uses.size / 4, `SEED=${seed}: ${above} of ${uses.size}`);
  }
});

it('takes no more memory than its bound, however many blocks there are', () => {
  assert.equal(new Heat(1e9, 0).indexBytes, LIMITS.cacheTierHeatCounters.value * 4);
});
