import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import type { PlantedBug } from '../../src/base/fault_points.ts';
import { runCopyScenario } from './copy_scenario.ts';
import { runSeedsInProcesses } from './seed_runner.ts';

/** Seeds that once showed a bug, run every time. */
const PAST_SEEDS = [
  7, 17, 20, 83, 103, 138, 156, 244, 296, 24_822, 24_978, 33_039, 33_421, 34_250, 34_918, 163_191,
];
const FIRST_SEED = Number(process.env['SEED'] ?? 1_000 + Math.floor(Math.random() * 1_000_000));
const SEEDS = Number(process.env['SIM_SEEDS'] ?? (process.env['SEED'] === undefined ? 2_000 : 1));
/** A planted bug shows early: few seeds are tried before somebody looks. */
const PLANTED_AT_ONCE = 20;

test('past seeds hold', async () => {
  for (const seed of PAST_SEEDS) {
    const { violation } = await runCopyScenario({ seed });
    assert.equal(violation, null, `seed ${seed}`);
  }
});

test(`${SEEDS} fresh seeds of a copy with all faults: no violation`, { timeout: 600_000 }, async (t) => {
  t.diagnostic(`SEED=${FIRST_SEED} (replay one with npm run sim -- --seed=N)`);
  const { results, elapsedMs } = await runSeedsInProcesses(FIRST_SEED, SEEDS, availableParallelism(), null);
  const deaths = results.reduce((sum, result) => sum + result.deaths, 0);
  const withZeros = results.filter(({ zeroBytes }) => zeroBytes > 0).length;
  const patched = results.filter(({ reusedBytes }) => reusedBytes > 0).length;
  const squeezed = results.filter(({ squeezedBytes = 0 }) => squeezedBytes > 0).length;
  const linked = results.filter(({ linked = 0 }) => linked > 0).length;
  t.diagnostic(
    `${results.length} seeds in ${(elapsedMs / 1000).toFixed(0)} s, ${deaths} kills and power cuts, ${patched} with parts of earlier versions, ${withZeros} with zeros, ${squeezed} compressed, ${linked} with links to an earlier copy`,
  );
  const failed = results.filter((result) => result.violation !== null);
  assert.deepEqual(failed, []);
  assert.equal(results.length, SEEDS);
  assert.ok(SEEDS < 100 || deaths > SEEDS / 2, 'hardly anything was killed: the run proves nothing');
  assert.ok(SEEDS < 100 || patched > 0, 'no file was put together from an earlier version');
  assert.ok(SEEDS < 100 || withZeros > 0, 'no chunk was zeros');
  assert.ok(SEEDS < 100 || squeezed > 0, 'nothing was compressed');
  assert.ok(SEEDS < 100 || linked > 0, 'nothing was linked to an earlier copy');
});

test('the same seed gives the same history', async () => {
  for (const seed of [3, 11, 42]) {
    const first = await runCopyScenario({ seed });
    const second = await runCopyScenario({ seed });
    assert.equal(second.report.traceHash, first.report.traceHash, `seed ${seed}`);
  }
});

for (const bug of [
  'acknowledge-before-flush',
  'skip-verify',
  'trust-journal',
] as const satisfies readonly PlantedBug[]) {
  test(`a planted bug is caught: ${bug}`, { timeout: 300_000 }, async (t) => {
    for (let first = 1; first <= 1_000; first += PLANTED_AT_ONCE) {
      const { results } = await runSeedsInProcesses(first, PLANTED_AT_ONCE, 1, bug);
      const caught = results.find((result) => result.violation !== null);
      if (!caught) continue;
      t.diagnostic(`caught at seed ${caught.seed}: ${caught.violation}`);
      return;
    }
    assert.fail('1,000 seeds did not notice it');
  });
}
