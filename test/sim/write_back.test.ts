// Short sequences of changes, with a process or the power failing at an operation of it. SEED=N chooses the operations,
// WRITE_BACK_ALL=1 takes all sequences of up to three and every operation (write_back_all.ts), WRITE_BACK_MINUTES=N so many of
// them as that time allows.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PlantedBug, plant } from '../../src/base/fault_points.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { tryAllInThreads } from './write_back_all.ts';
import { attempt, type Trial } from './write_back_scenario.ts';
import { STEPS, sequences, statesOf } from './write_back_steps.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const ALL = process.env['WRITE_BACK_ALL'] === '1';
/** Trials of longer sequences where not all are asked for. */
const SAMPLE = 160;

type Steps = Trial['steps'];

const FAILED_ONCE: readonly (readonly [string, Trial['far'], Trial['how'], number, number])[] = [
  // removed over there, and not stable there when the process was killed
  ['unlink a', 'disk', 'kill', 22, 32],
  // put in place over there, and the name not stable
  ['create c, replace b', 'disk', 'kill', 30736, 86],
  // half written, then to be removed
  ['append a, unlink a', 'disk', 'kill', 487, 41],
  // half written, and the next process tried much later
  ['rename b c, overwrite a, rename c b', 'disk', 'kill', 32586, 74],
  // written, renamed and then covered: the rename came without what was written
  ['overwrite a again, rename a b, overwrite a, create c, fsync c, rename c b', 'disk', 'power', 969, 105],
  // both names of a rename were there
  ['rename b c, fsync c', 'disk', 'power', 279, 44],
  // closed by its last user while it was sent on, so that the attempt failed half way
  ['overwrite a, fsync a, unlink a', 'disk', 'power', 3, 57],
  // written to after its name was gone here and not yet there
  ['replace b, fsync a, unlink a, append a', 'disk', 'kill', 5140, 120],
];

/** Fails at `count` operations of the sequence; 0 where a plain tree refuses a step. */
async function trySome(steps: Steps, dice: Dice, count: number): Promise<number> {
  const states = await statesOf(steps);
  if (states === null) return 0;
  let trials = 0;
  for (const far of ['memory', 'disk'] as const) {
    const base = { steps, states, seed: SEED + dice.between(0, 999), far };
    const { operations } = await attempt({ ...base, how: 'kill', crashAt: Number.POSITIVE_INFINITY });
    for (const how of ['kill', 'power'] as const)
      for (let i = 1; i <= count; i += 1) {
        await attempt({ ...base, how, crashAt: dice.between(1, operations) });
        trials += 1;
      }
  }
  return trials;
}

async function findsOut(bug: PlantedBug): Promise<void> {
  const pull = plant(bug);
  try {
    await assert.rejects(async () => {
      const dice = Dice.fromSeed(SEED).fork(bug);
      for (const steps of sequences(2)) await trySome(steps, dice, 8);
    }, /SEED=/);
  } finally {
    pull();
  }
}

describe('a write-back cache that fails', () => {
  it('loses nothing stable and keeps the order: sequences of one and two changes', async () => {
    const dice = Dice.fromSeed(SEED).fork('short');
    let trials = 0;
    for (const length of [1, 2])
      for (const steps of sequences(length)) trials += await trySome(steps, dice, 1);
    assert.ok(trials > 200, `${trials}`);
  });

  it('loses nothing stable and keeps the order: a sample of longer ones', async () => {
    const dice = Dice.fromSeed(SEED).fork('long');
    for (let trials = 0; trials < SAMPLE; ) {
      const steps = Array.from(
        { length: dice.between(3, 7) },
        () => STEPS[dice.between(0, STEPS.length - 1)]!,
      );
      trials += await trySome(steps, dice, 3);
    }
  });

  it('keeps what failed once, at that operation and those around it', async () => {
    for (const [names, far, how, seed, crashAt] of FAILED_ONCE) {
      const steps = names.split(', ').map((name) => STEPS.find((step) => step.name === name)!);
      const states = (await statesOf(steps))!;
      for (let at = crashAt - 4; at <= crashAt + 4; at += 1)
        await attempt({ steps, states, seed, far, how, crashAt: at });
    }
  });

  if (ALL)
    it('loses nothing stable and keeps the order: all sequences of up to three', async () => {
      const minutes = Number(process.env['WRITE_BACK_MINUTES'] ?? Number.POSITIVE_INFINITY);
      const { sequences: tried, left, trials } = await tryAllInThreads(SEED, minutes);
      process.stdout.write(`${tried} sequences, ${trials} failures, ${left} sequences left\n`);
    });

  it('would be found out if it told of flushes that were none', () =>
    findsOut('write-back-early-acknowledge'));

  it('would be found out if it sent on what is not stable here', () => findsOut('write-back-send-early'));
});
