import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sim } from '../world/sim/sim.ts';
import { tellSignsOfLife } from './signs_of_life.ts';

test('a sign of life that fails is not the last one', async () => {
  const sim = new Sim(1);
  const end = new AbortController();
  let asked = 0;
  let told = 0;
  let spentMs = 0;
  await sim.run(sim.machine('host'), async ({ clock }) => {
    const startMs = clock.monotonicMs();
    const signs = {
      everyMs: 1_000,
      unready: async () => {
        asked += 1;
        if (asked === 1) throw new Error('the state cannot be read');
        return asked === 2 ? 'not yet' : null;
      },
      tell: () => {
        told += 1;
        if (told === 1) throw new Error('try again');
        if (told === 3) end.abort();
      },
    };
    await tellSignsOfLife(signs, clock, end.signal);
    spentMs = clock.monotonicMs() - startMs;
  });
  assert.equal(asked, 5);
  assert.ok(spentMs <= 1_250, `${spentMs} ms for five tries`);
});
