import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Dice } from './dice.ts';

const draws = (dice: Dice, count = 8): number[] => Array.from({ length: count }, () => dice.u32());

describe('Dice', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    assert.deepEqual(draws(Dice.fromSeed(7)), draws(Dice.fromSeed(7)));
    assert.notDeepEqual(draws(Dice.fromSeed(7)), draws(Dice.fromSeed(8)));
  });

  it('forks by label, whatever was drawn before', () => {
    const fresh = Dice.fromSeed(1);
    const used = Dice.fromSeed(1);
    draws(used, 100);
    assert.deepEqual(draws(fresh.fork('disk')), draws(used.fork('disk')));
    assert.notDeepEqual(draws(fresh.fork('net')), draws(fresh.fork('disk')));
  });

  it('gives another source for each fork with one label', () => {
    const dice = Dice.fromSeed(1);
    assert.notDeepEqual(draws(dice.fork('a')), draws(dice.fork('a')));
  });

  it('draws nothing for a rate of 0, so that a fault that is off does not shift the others', () => {
    const dice = Dice.fromSeed(3);
    const same = Dice.fromSeed(3);
    assert.equal(dice.chance(0), false);
    assert.deepEqual(draws(dice), draws(same));
  });

  it('keeps to the ranges asked for and reaches their ends', () => {
    const dice = Dice.fromSeed(5);
    const seen = new Set(Array.from({ length: 300 }, () => dice.between(2, 5)));
    assert.deepEqual([...seen].sort(), [2, 3, 4, 5]);
    for (let i = 0; i < 300; i += 1) {
      const latencyMs = dice.latency(10);
      assert.ok(latencyMs > 0 && latencyMs <= 10.001);
      assert.ok(dice.exponential(5) >= 0);
    }
    assert.equal(dice.bytes(7).byteLength, 7);
  });

  it('comes near the rate asked for', () => {
    const dice = Dice.fromSeed(11);
    let hits = 0;
    for (let i = 0; i < 10_000; i += 1) if (dice.chance(0.2)) hits += 1;
    assert.ok(hits > 1_800 && hits < 2_200, `${hits} of 10,000`);
  });
});
