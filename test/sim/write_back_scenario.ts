import assert from 'node:assert/strict';
import { WriteBackTree } from '../../src/cache/write_back/write_back_tree.ts';
import type { WritePolicy } from '../../src/cache/write_back/write_policy.ts';
import type { FileTree } from '../../src/tree/files/file_tree.ts';
import { LocalTree } from '../../src/tree/files/local_tree.ts';
import { MemoryTree } from '../../src/tree/files/memory_tree.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { NO_DISK_FAULTS, NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { Operation } from '../../src/world/sim/trace.ts';
import type { World } from '../../src/world/world.ts';
import { CHECKED } from './checked_records.ts';
import { interrupted } from './interrupted_tree.ts';
import {
  brief,
  isSameView,
  POLICY,
  Program,
  START,
  type Step,
  startOf,
  type View,
  viewOf,
} from './write_back_steps.ts';

/** Where something is looked at before and after a change of the far tree in memory, and before and after another call. */
const [CHANGING, QUIET] = ['/d', '/far'];
/** A crash at one of these leaves what one at the operation after it leaves. */
const CHANGES_NOTHING: ReadonlySet<Operation> = new Set([
  'close-dir',
  'close-file',
  'clone-dir',
  'list',
  'open-dir',
  'open-root',
  'read',
  'read-link',
  'sleep',
  'space',
  'stat',
]);
const NEVER = new AbortController().signal;

export interface Trial {
  readonly steps: readonly Step[];
  readonly states: readonly View[];
  readonly seed: number;
  /** `memory`: only this side fails. `disk`: the far tree is a folder of the same machine. */
  readonly far: 'memory' | 'disk';
  readonly how: 'kill' | 'power';
  /** At which operation on the world; none where it is never. */
  readonly crashAt: number;
  /** What becomes of writes at first; absent: they wait. */
  readonly writes?: WritePolicy;
}

export const nameOf = ({ steps, seed, far, how, crashAt, writes = 'write-back' }: Trial): string =>
  `${steps.map(({ name }) => name).join(', ')}; ${writes}, far ${far}, ${how} at ${crashAt}, SEED=${seed}`;

function openCache(
  world: World,
  far: FileTree,
  ageMs: number,
  writes: WritePolicy = 'write-back',
): Promise<WriteBackTree> {
  const place = { folder: '/d', name: 'j', key: new Uint8Array(32), segmentBytes: 12_000, reserveBytes: 0 };
  const { clock, random, disk } = world;
  return WriteBackTree.open({ clock, random, disk, crypto: { aead: CHECKED } }, far, {
    place,
    owner: { userId: 0, groupId: 0 },
    ...{ ...POLICY, ageMs, writes },
  });
}

/** How many operations on the world there were, and how many before the last step began. */
export interface Ran {
  readonly operations: number;
  readonly beforeLast: number;
  /** Of the operations, those before which the disk or the far tree is not as it was before the one before. */
  readonly changing: readonly number[];
}

/** Does the steps and sends them on, fails at one operation, and looks at what the next process finds. */
export async function run(trial: Trial): Promise<Ran> {
  const { seed, states } = trial;
  const sim = new Sim(seed, {
    ...NO_FAULTS,
    disk: { ...NO_DISK_FAULTS, latencyRate: 0.2, latencyMaxMs: 3, shortWriteRate: 0.1 },
  });
  const machine = sim.machine('m');
  machine.disk.writeTree('/d', {});
  machine.disk.writeTree('/far', START);
  const memory = await startOf(new MemoryTree({ wallMs: () => Math.floor(machine.clock.wallMs()) }));
  const farOf = (world: World): Promise<FileTree> =>
    trial.far === 'memory'
      ? Promise.resolve(
          interrupted(
            memory,
            async (changes) => void (await world.disk.statPath(changes ? CHANGING : QUIET)),
          ),
        )
      : LocalTree.open(world, '/far');
  let [begun, acknowledged, stable, beforeLast] = [0, 0, 0, 0];
  const ageMs = Dice.fromSeed(seed).fork('age').pick([0, 2, 5_000]);
  const process = machine.spawn('first', async (world) => {
    const tree = await openCache(world, await farOf(world), ageMs, trial.writes);
    const program = new Program(tree);
    for (const [index, step] of trial.steps.entries()) {
      begun = index + 1;
      if (begun === trial.steps.length) beforeLast = process.operations;
      const isStable = (await step.run(program)) === true;
      acknowledged = index + 1;
      if (isStable) stable = acknowledged;
    }
    await program.closeAll();
    await tree.waitClean(NEVER);
    stable = acknowledged;
    await tree.close();
  });
  const changing: number[] = [1];
  process.onOperation = (operation, detail) => {
    if (!CHANGES_NOTHING.has(operation) && detail !== QUIET) changing.push(process.operations);
  };
  sim.killAtOperation(process, trial.crashAt, trial.how);
  await sim.runUntil(() => !process.running);
  if (process.state === 'failed') throw process.failure;
  const least = trial.how === 'kill' ? acknowledged : stable;
  const isTorn = trial.how === 'power' && trial.far === 'disk'; // what was not flushed over there holds anything
  const isAllStable = trial.writes === undefined; // else some of it went past the journal, and may not be flushed over there
  await look(sim, farOf, { allowed: states.slice(least, begun + 1), states, isTorn, isAllStable });
  return {
    operations: process.operations,
    beforeLast,
    changing: [...new Set([...changing, process.operations])],
  };
}

interface Looked {
  readonly allowed: readonly View[];
  readonly states: readonly View[];
  readonly isTorn: boolean;
  readonly isAllStable: boolean;
}

/** What a new process shows must be one of `allowed`; it must all come to be over there, and stay through another power cut. */
async function look(
  sim: Sim,
  farOf: (world: World) => Promise<FileTree>,
  { allowed, states, isTorn, isAllStable }: Looked,
): Promise<void> {
  const machine = sim.machine('m');
  let shown: View = new Map();
  await sim.run(machine, async (world) => {
    const far = await farOf(world);
    if (far instanceof LocalTree) await far.removeRemains();
    if (!isTorn) checkNotInvented(await viewOf(far), states);
    const tree = await openCache(world, far, 60_000);
    shown = await viewOf(tree);
    const isAllowed = allowed.some((view) => isSameView(view, shown));
    if (!isAllowed && (isAllStable || !isHalfWay(shown, allowed)))
      assert.fail(`${brief(shown)} is none of\n${allowed.map(brief).join('\n')}`);
    await tree.waitClean(NEVER);
    const { conflicts, failures, dirtyBytes } = tree.status;
    assert.deepEqual([conflicts, failures, dirtyBytes], [[], [], 0]);
    checkSame(await viewOf(tree), shown, 'sending on changes nothing here');
    await tree.close();
  });
  if (isAllStable) machine.powerCut();
  await sim.run(machine, async (world) => {
    const far = await farOf(world);
    checkSame(await viewOf(far), shown, 'what was sent on is there, and stays');
  });
}

function checkSame(found: View, expected: View, what: string): void {
  if (!isSameView(found, expected)) assert.equal(brief(found), brief(expected), what);
}

/** A write past the journal may be made in part where the process is killed in the middle of it, as one to a local disk. */
function isHalfWay(shown: View, allowed: readonly View[]): boolean {
  const hasSameNames = allowed.some(
    (view) => [...view.keys()].sort().join() === [...shown.keys()].sort().join(),
  );
  return (
    hasSameNames &&
    [...shown].every(([path, content]) => {
      const known = allowed.map((view) => view.get(path) ?? '');
      return [...content].every((letter, at) => letter === '\0' || known.some((one) => one[at] === letter));
    })
  );
}

/** Each byte over there stands, or has stood, at its place in a file of that name, or is not written yet. */
function checkNotInvented(far: View, states: readonly View[]): void {
  for (const [path, content] of far) {
    const known = states.map((view) => view.get(path)).filter((one) => one !== undefined);
    assert.ok(known.length > 0, `${path} was never there`);
    assert.ok(content.length <= Math.max(...known.map(({ length }) => length)), `${path} is too long`);
    const isKnown = (at: number) => content[at] === '\0' || known.some((one) => one[at] === content[at]);
    for (let i = 0; i < content.length; i += 1)
      if (!isKnown(i)) assert.fail(`byte ${i} of ${path} was never there: ${brief(far)}`);
  }
}

/** As {@link run}; a failure names the trial. */
export async function attempt(trial: Trial): Promise<Ran> {
  try {
    return await run(trial);
  } catch (failure) {
    throw new Error(nameOf(trial), { cause: failure });
  }
}
