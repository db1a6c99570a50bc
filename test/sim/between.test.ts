import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQueueScenario } from './queue_scenario.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1_000 + Math.floor(Math.random() * 1_000_000));
const SEEDS = Number(process.env['SIM_SEEDS'] ?? (process.env['SEED'] === undefined ? 20 : 1));

test(`${SEEDS} fresh seeds of copies between machines under faults: what is done is there, every job ends, nothing is left`, {
  timeout: 600_000,
}, async (t) => {
  t.diagnostic(`SEED=${FIRST_SEED}`);
  let deaths = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    const result = await runQueueScenario(seed, true);
    assert.equal(result.violation, null, `SEED=${seed}\n${result.report.tail.join('\n')}`);
    deaths += result.deaths;
  }
  t.diagnostic(`${SEEDS} seeds, ${deaths} kills and power cuts`);
});
