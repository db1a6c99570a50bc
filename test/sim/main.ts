import { type PlantedBug, plant } from '../../src/base/fault_points.ts';
import { type FaultPlan, swarm } from '../../src/world/sim/faults.ts';
import { runCopyScenario } from './copy_scenario.ts';
import { runKnownScenario } from './known_scenario.ts';
import { runUndoScenario } from './undo_scenario.ts';

/*
 * npm run sim -- --seed=N             one seed, with its fault plan and the last events
 * npm run sim -- --from=A --to=B      all seeds in [A, B); --json prints a line for each
 * --plant=BUG plants a bug, to see it caught
 * --scenario=undo runs the undo of copies instead of copies, --scenario=known copies that follow each other
 */
const options = new Map(
  process.argv.slice(2).map((arg) => arg.replace(/^--/, '').split('=') as [string, string | undefined]),
);
const number = (name: string, otherwise: number) => Number(options.get(name) ?? otherwise);

if (options.has('plant')) plant(options.get('plant') as PlantedBug);

const SCENARIOS = { copy: runCopyScenario, undo: runUndoScenario, known: runKnownScenario };
const runScenario = SCENARIOS[(options.get('scenario') ?? 'copy') as keyof typeof SCENARIOS];

if (options.has('seed')) {
  const seed = number('seed', 1);
  const { violation, report, deaths, attempts } = await runScenario({ seed });
  console.log(report.tail.join('\n'));
  console.log(JSON.stringify(swarm(seed), null, 1));
  console.log(
    `seed ${seed}: ${violation ?? 'no violation'}; ${report.events} events, ${deaths} deaths, ${attempts} jobs, trace ${report.traceHash}`,
  );
  process.exit(violation === null ? 0 : 1);
}

const from = number('from', 1);
const to = number('to', from + 200);
let failures = 0;
for (let seed = from; seed < to; seed += 1) {
  const { violation, ...result } = await runScenario({
    seed,
    plan: options.has('plant') ? rough(seed) : swarm(seed),
  });
  if (violation !== null) failures += 1;
  const { report: _, ...figures } = result;
  if (options.has('json')) console.log(JSON.stringify({ seed, violation, ...figures }));
  else if (violation !== null) console.log(`seed ${seed}: ${violation}`);
}
if (!options.has('json')) console.log(`${to - from} seeds, ${failures} violations`);
process.exit(failures === 0 ? 0 : 1);

/** A plan with many deaths and flipped bits: a planted bug shows itself sooner. */
function rough(seed: number): FaultPlan {
  const plan = swarm(seed);
  return {
    ...plan,
    disk: { ...plan.disk, storedFlipRate: 0.1, readErrorRate: 0, writeErrorRate: 0, syncErrorRate: 0 },
    process: { ...plan.process, killMeanOperations: 150, powerCutShare: 0.3 },
  };
}
