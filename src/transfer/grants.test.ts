import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../world/clock.ts';
import { NO_FAULTS } from '../world/sim/faults.ts';
import { Sim } from '../world/sim/sim.ts';
import { GrantGate } from './grants.ts';

/** Runs `body` in simulated time. */
async function simulated<T>(body: (clock: Clock) => Promise<T>): Promise<T> {
  const sim = new Sim(1, NO_FAULTS);
  let outcome: { readonly value: T } | null = null;
  sim.machine('guest').spawn('source', async ({ clock }) => {
    outcome = { value: await body(clock) };
  });
  await sim.runUntil(() => outcome !== null, { maxVirtualMs: 600_000, maxEvents: 100_000 });
  assert.ok(outcome);
  return (outcome as { readonly value: T }).value;
}

const FOREVER = new AbortController().signal;

test('nothing goes before it is granted; what went too much is taken off the next grants, in the order of the calls', async () => {
  const order = await simulated(async (clock) => {
    const gate = new GrantGate(clock);
    const went: string[] = [];
    const take = (name: string, bytes: number) =>
      gate
        .take(bytes, FOREVER, () => undefined)
        .then(() => went.push(`${name} at ${Math.round(clock.monotonicMs() - began)}`));
    const began = clock.monotonicMs();
    const all = [take('a', 250), take('b', 100), take('c', 100)];
    for (let at = 1; at <= 5; at += 1) {
      await clock.sleep(began + at * 1_000 - clock.monotonicMs());
      gate.granted(100);
    }
    await Promise.all(all);
    return went;
  });
  // 100 let the first go and leave -150; 200 more leave 50 for the second, which leaves -50
  assert.deepEqual(
    order.map((text) => text.replace(/\d{3}$/, '')),
    ['a at 1', 'b at 3', 'c at 4'],
  );
});

test('a long wait shows, and ends with the signal', async () => {
  const { told, error } = await simulated(async (clock) => {
    const gate = new GrantGate(clock);
    const over = new AbortController();
    let told = 0;
    const held = gate.take(1, over.signal, () => {
      told += 1;
    });
    const failed = held.catch((failure: unknown) => failure);
    await clock.sleep(10_500);
    over.abort();
    return { told, error: await failed };
  });
  assert.ok(told >= 10, `${told}`);
  assert.match(String(error), /cancelled/);
});
