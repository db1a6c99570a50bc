// As write_back.test.ts, for caches whose large files, or whose changes, do not wait, and for caches that are set to something else
// on the way. SEED=N chooses the operations, WRITE_BACK_ALL=1 and WRITE_BACK_MINUTES=N as there.
//
// A power cut is one of this side: with the far tree on the same disk what was written past the journal may be lost until it is
// flushed over there, as the guarantees say.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WritePolicy } from '../../src/cache/write_back/write_policy.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { tryAllInThreads } from './write_back_all.ts';
import { attempt, type Trial } from './write_back_scenario.ts';
import { SETS, STEPS, type Step, sequences, statesOf } from './write_back_steps.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const ALL = process.env['WRITE_BACK_ALL'] === '1';
const SAMPLE = 60;
const PLACES = [
  ['memory', 'kill'],
  ['memory', 'power'],
  ['disk', 'kill'],
] as const;

/** Fails at one operation for each of the ways to fail; 0 where a plain tree refuses a step. */
async function trySome(steps: readonly Step[], dice: Dice, writes: WritePolicy): Promise<number> {
  const states = await statesOf(steps);
  if (states === null) return 0;
  const seed = SEED + dice.between(0, 999);
  for (const [far, how] of PLACES) {
    const base: Omit<Trial, 'crashAt'> = { steps, states, seed, far, how, writes };
    const { operations } = await attempt({ ...base, crashAt: Number.POSITIVE_INFINITY });
    await attempt({ ...base, crashAt: dice.between(1, operations) });
  }
  return PLACES.length;
}

describe('a write-back cache of another policy that fails', () => {
  for (const writes of ['split', 'write-through'] as const)
    it(`${writes}: loses nothing that was acknowledged: sequences of one and two changes`, async () => {
      const dice = Dice.fromSeed(SEED).fork(writes);
      let trials = 0;
      for (const length of [1, 2])
        for (const steps of sequences(length)) trials += await trySome(steps, dice, writes);
      assert.ok(trials > 200, `${trials}`);
    });

  if (ALL)
    for (const writes of ['split', 'write-through'] as const)
      it(`${writes}: loses nothing that was acknowledged: all sequences of up to three`, async () => {
        const minutes = Number(process.env['WRITE_BACK_MINUTES'] ?? Number.POSITIVE_INFINITY);
        const { sequences: tried, left, trials } = await tryAllInThreads(SEED, minutes, writes);
        process.stdout.write(`${tried} sequences, ${trials} failures, ${left} sequences left\n`);
      });

  it('loses nothing while it is set to other policies: a sample of longer sequences', async () => {
    const dice = Dice.fromSeed(SEED).fork('set');
    const all = [...STEPS, ...SETS, ...SETS] as unknown as readonly [Step, ...Step[]];
    for (let trials = 0; trials < SAMPLE; ) {
      const steps = Array.from({ length: dice.between(3, 8) }, () => dice.pick(all));
      trials += await trySome(steps, dice, dice.pick(['write-back', 'split', 'write-through'] as const));
    }
  });
});
