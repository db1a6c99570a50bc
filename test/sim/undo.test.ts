import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { runSeedsInProcesses } from './seed_runner.ts';
import { runUndoScenario } from './undo_scenario.ts';

/** Seeds that once showed a bug, run every time. */
const PAST_SEEDS = {
  'a folder that an attempt found read-only keeps its parts from nobody': 38,
  'an empty file with attributes is kept like others': 44,
  'what is back in a folder has left the store before that folder is removed': 20_032,
  'attributes that an undo gave back before it was cut off are flushed by the next one': 20_419,
  'what is left of later attempts is left of the first one too, which was kept a folder higher': 21_441,
  'records are removed all at once: half of them tell of a state in the middle of the copy': 31_033,
  'attributes that an attempt gave an entry that a later one replaced': 40_242,
  'cut off between two attempts of one copy, the undo goes on': 604_589,
};

const FIRST_SEED = Number(process.env['SEED'] ?? 1_000 + Math.floor(Math.random() * 1_000_000));
const SEEDS = Number(process.env['SIM_SEEDS'] ?? (process.env['SEED'] === undefined ? 150 : 1));

for (const [name, seed] of Object.entries(PAST_SEEDS))
  test(`past seed ${seed}: ${name}`, async () => {
    const { violation } = await runUndoScenario({ seed });
    assert.equal(violation, null);
  });

test(`${SEEDS} fresh seeds of an undo with all faults: the tree is what it was`, {
  timeout: 600_000,
}, async (t) => {
  t.diagnostic(`SEED=${FIRST_SEED} (replay one with npm run sim -- --scenario=undo --seed=N)`);
  const processes = availableParallelism();
  const { results, elapsedMs } = await runSeedsInProcesses(FIRST_SEED, SEEDS, processes, null, 'undo');
  const deaths = results.reduce((sum, result) => sum + result.deaths, 0);
  t.diagnostic(
    `${results.length} seeds in ${(elapsedMs / 1000).toFixed(0)} s, ${deaths} kills and power cuts`,
  );
  assert.deepEqual(
    results.filter((result) => result.violation !== null),
    [],
  );
  assert.equal(results.length, SEEDS);
  assert.ok(SEEDS < 100 || deaths > SEEDS / 2, 'hardly anything was killed: the run proves nothing');
});

test('a planted bug is caught: undo-record-late', { timeout: 300_000 }, async (t) => {
  for (let first = 1; first <= 1_000; first += 20) {
    const { results } = await runSeedsInProcesses(first, 20, 1, 'undo-record-late', 'undo');
    const caught = results.find((result) => result.violation !== null);
    if (!caught) continue;
    t.diagnostic(`caught at seed ${caught.seed}: ${caught.violation}`);
    return;
  }
  assert.fail('1,000 seeds did not notice it');
});
