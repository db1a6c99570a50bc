import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { MachineClock } from './clock.ts';
import { Sim } from './sim.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** The clock of a machine whose process was killed while it waited for the first of two signals. */
async function leave(): Promise<WeakRef<MachineClock>> {
  const sim = new Sim(1);
  const machine = sim.machine('m');
  const process = machine.spawn('waiting', async ({ clock }) => {
    const [one, other] = [new AbortController(), new AbortController()];
    // whoever waits knows what it waits for, as one with a deadline does
    AbortSignal.any([one.signal, other.signal]).addEventListener('abort', () => other.abort(clock.wallMs()));
    await clock.sleep(60_000);
  });
  await sim.advance(10);
  process.kill();
  return new WeakRef(machine.clock);
}

it('what a killed process waited for does not stay in memory', async () => {
  const left = await leave();
  for (let tries = 0; tries < 5 && left.deref() !== undefined; tries += 1) {
    await turn();
    collect();
  }
  assert.equal(left.deref(), undefined);
});

it('a signal of several is aborted by the first of them, with its reason', () => {
  new Sim(1);
  const [one, other] = [new AbortController(), new AbortController()];
  const any = AbortSignal.any([one.signal, other.signal]);
  assert.equal(any.aborted, false);
  other.abort('why');
  one.abort('later');
  assert.equal(any.reason, 'why');
  assert.equal(AbortSignal.any([new AbortController().signal, one.signal]).reason, 'later');
});
