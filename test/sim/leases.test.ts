// What four clients with caches and leases read and write is checked against what was acknowledged: links are cut, clients
// stand still for up to 20 s, their clocks run at different speeds and jump. SEED=N repeats one run, HISTORY=N makes it that many operations long.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BUGS, type LeaseRun, LeaseScenario } from './leases_scenario.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const OPERATIONS = Number(process.env['HISTORY'] ?? 20_000);
/** Each mistake needs an unlucky moment: it is looked for in runs of so many operations, of the seeds from 1 on. */
const BUG_OPERATIONS = 20_000;
const BUG_SEEDS = 20;

const told = (run: LeaseRun) =>
  `${run.operations} operations in ${Math.round(run.virtualMs / 1_000)} s of virtual time: ${run.reads} reads, of which ` +
  `${run.local} asked nobody; ${run.acked} writes acknowledged; ${run.fenced} holders fenced, ${run.refused} of their writes refused`;

describe(`leases of four clients, SEED=${SEED}`, () => {
  it('lets nobody read what was written over, or a mixture, and takes no write of a fenced holder', (test) => {
    const run = new LeaseScenario(SEED, OPERATIONS).run();
    test.diagnostic(told(run));
    assert.deepEqual(run.violations, [], `SEED=${SEED}`);
    assert.ok(run.operations >= OPERATIONS - 4, `it came to its end after ${run.operations}`);
    assert.ok(run.local > 0 && run.acked > 0, 'leases were of use');
  });

  for (const bug of BUGS)
    it(`finds the mistake "${bug}"`, (test) => {
      for (let seed = 1; seed <= BUG_SEEDS; seed += 1) {
        const run = new LeaseScenario(seed, BUG_OPERATIONS, bug).run();
        if (run.violations.length === 0) continue;
        test.diagnostic(`seed ${seed}, after ${run.operations} operations: ${run.violations[0]}`);
        return;
      }
      assert.fail(`not in ${BUG_SEEDS} runs`);
    });
});
