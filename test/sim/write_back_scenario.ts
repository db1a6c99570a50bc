import assert from 'node:assert/strict';
import { parseRelPath } from '../../src/base/path.ts';
import { WriteBackTree } from '../../src/cache/write_back/write_back_tree.ts';
import type { FileTree, TreeEntry, TreeFile } from '../../src/tree/files/file_tree.ts';
import { LocalTree } from '../../src/tree/files/local_tree.ts';
import { MemoryTree } from '../../src/tree/files/memory_tree.ts';
import { createSimCryptography } from '../../src/world/sim/cryptography.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { NO_DISK_FAULTS, NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { interrupted } from './interrupted_tree.ts';

const at = parseRelPath;
const text = (content: string): Uint8Array => new Uint8Array(Buffer.from(content));
const NEVER = new AbortController().signal;
/** Larger than a page, so that a power cut can tear it. */
const long = (letter: string): string => letter.repeat(5_000);

/** A tree with what a program has open in it. */
class Program {
  readonly tree: FileTree;
  readonly #open = new Map<string, TreeFile>();
  readonly #written = new Set<string>();

  constructor(tree: FileTree) {
    this.tree = tree;
  }

  async file(path: string): Promise<TreeFile> {
    const file = this.#open.get(path) ?? (await this.tree.open(at(path), 'write'));
    this.#open.set(path, file);
    return file;
  }

  async create(path: string): Promise<void> {
    const file = await this.tree.open(at(path), 'create');
    await this.close(path);
    this.#open.set(path, file);
    this.#written.add(path);
  }

  async write(path: string, content: string, offset: number): Promise<void> {
    const file = await this.file(path);
    await file.write(text(content), offset);
    this.#written.add(path);
  }

  async replace(path: string, content: string): Promise<true> {
    const file = await this.tree.open(at(path), 'replace');
    await file.write(text(content), 0);
    await file.publish();
    await file.close();
    return true;
  }

  async append(path: string, content: string): Promise<void> {
    const file = await this.file(path);
    await this.write(path, content, (await file.node()).sizeBytes);
  }

  async truncate(path: string, sizeBytes: number): Promise<void> {
    await (await this.file(path)).truncate(sizeBytes);
    this.#written.add(path);
  }

  async sync(path: string): Promise<true> {
    await (await this.file(path)).publish();
    return true;
  }

  /** Whether something was written to what is closed. */
  async close(path: string): Promise<boolean> {
    await this.#open.get(path)?.close();
    this.#open.delete(path);
    return this.#written.delete(path);
  }

  async closeAll(): Promise<void> {
    for (const path of [...this.#open.keys()]) await this.close(path);
  }
}

interface Step {
  readonly name: string;
  /** Gives true where all that was changed so far is stable from then on. */
  readonly run: (program: Program) => Promise<unknown>;
}

const rename = (from: string, to: string): Step => ({
  name: `rename ${from} ${to}`,
  run: ({ tree }) => tree.rename(at(from), at(to), { replace: true }),
});
const unlink = (path: string): Step => ({ name: `unlink ${path}`, run: ({ tree }) => tree.remove(at(path)) });

/** `a` and `b` are there from the start, `c`, `d` and what is in it are not. A step that a plain tree refuses is none. */
export const STEPS: readonly Step[] = [
  { name: 'create c', run: (program) => program.create('c') },
  { name: 'write c', run: (program) => program.write('c', long('c'), 0) },
  { name: 'overwrite a', run: (program) => program.write('a', long('A'), 2_000) },
  { name: 'overwrite a again', run: (program) => program.write('a', 'again', 2_500) },
  { name: 'append a', run: (program) => program.append('a', long('+')) },
  { name: 'truncate a', run: (program) => program.truncate('a', 1_000) },
  { name: 'replace b', run: (program) => program.replace('b', long('B')) },
  rename('a', 'b'),
  rename('c', 'b'),
  rename('b', 'c'),
  rename('c', 'd/e'),
  unlink('a'),
  unlink('c'),
  { name: 'mkdir d', run: ({ tree }) => tree.create(at('d'), { kind: 'directory' }) },
  { name: 'fsync a', run: (program) => program.sync('a') },
  { name: 'fsync c', run: (program) => program.sync('c') },
  { name: 'close a', run: (program) => program.close('a') },
  { name: 'symlink c', run: ({ tree }) => tree.create(at('c'), { kind: 'symlink', target: 'a' }) },
];

/** What a tree shows: paths and content. */
export type View = ReadonlyMap<string, string>;

async function viewOf(tree: FileTree, path = ''): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries: TreeEntry[] = [];
  for await (const page of tree.list(at(path))) entries.push(...page);
  for (const { name, node } of entries) {
    const below = path === '' ? name : `${path}/${name}`;
    if (node.kind === 'directory') {
      found.set(below, 'folder');
      for (const [one, content] of await viewOf(tree, below)) found.set(one, content);
    } else if (node.kind === 'symlink') found.set(below, `to ${(await tree.lookup(at(below))).target}`);
    else {
      await using file = await tree.open(at(below), 'read');
      const bytes = new Uint8Array(node.sizeBytes + 10);
      found.set(below, Buffer.from(bytes.subarray(0, await file.read(bytes, 0))).toString());
    }
  }
  return found;
}

const START = { a: long('a'), b: long('b') };

async function startOf(tree: FileTree): Promise<FileTree> {
  for (const [name, content] of Object.entries(START)) await new Program(tree).replace(name, content);
  return tree;
}

/** The states that a plain tree goes through; null where it refuses a step. */
export async function statesOf(steps: readonly Step[]): Promise<View[] | null> {
  const tree = await startOf(new MemoryTree({ wallMs: () => 1 }));
  const program = new Program(tree);
  const states: View[] = [await viewOf(tree)];
  for (const step of steps) {
    try {
      await step.run(program);
    } catch {
      return null;
    }
    states.push(await viewOf(tree));
  }
  return states;
}

export interface Trial {
  readonly steps: readonly Step[];
  readonly states: readonly View[];
  readonly seed: number;
  /** `memory`: only this side fails. `disk`: the far tree is a folder of the same machine. */
  readonly far: 'memory' | 'disk';
  readonly how: 'kill' | 'power';
  /** At which operation on the world; none where it is never. */
  readonly crashAt: number;
}

export const nameOf = ({ steps, seed, far, how, crashAt }: Trial): string =>
  `${steps.map(({ name }) => name).join(', ')}; far ${far}, ${how} at ${crashAt}, SEED=${seed}`;

function openCache(world: World, far: FileTree, ageMs: number): Promise<WriteBackTree> {
  const place = { folder: '/d', name: 'j', key: new Uint8Array(32), segmentBytes: 12_000, reserveBytes: 0 };
  const { clock, random, disk } = world;
  return WriteBackTree.open({ clock, random, disk, crypto: createSimCryptography() }, far, {
    place,
    owner: { userId: 0, groupId: 0 },
    dirtyMaxBytes: 2 ** 20,
    ageMs,
  });
}

/** How many operations on the world there were, and how many before the last step began. */
export interface Ran {
  readonly operations: number;
  readonly beforeLast: number;
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
      ? Promise.resolve(interrupted(memory, async () => void (await world.disk.statPath('/d'))))
      : LocalTree.open(world, '/far');
  let [begun, acknowledged, stable, beforeLast] = [0, 0, 0, 0];
  const ageMs = Dice.fromSeed(seed).fork('age').pick([0, 2, 5_000]);
  const process = machine.spawn('first', async (world) => {
    const tree = await openCache(world, await farOf(world), ageMs);
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
  sim.killAtOperation(process, trial.crashAt, trial.how);
  await sim.runUntil(() => !process.running);
  if (process.state === 'failed') throw process.failure;
  const least = trial.how === 'kill' ? acknowledged : stable;
  const isTorn = trial.how === 'power' && trial.far === 'disk'; // what was not flushed over there holds anything
  await look(sim, farOf, states.slice(least, begun + 1), states, isTorn);
  return { operations: process.operations, beforeLast };
}

/** What a new process shows must be one of `allowed`; it must all come to be over there, and stay through another power cut. */
async function look(
  sim: Sim,
  farOf: (world: World) => Promise<FileTree>,
  allowed: readonly View[],
  states: readonly View[],
  isTorn: boolean,
): Promise<void> {
  const machine = sim.machine('m');
  let shown: View = new Map();
  await sim.run(machine, async (world) => {
    const far = await farOf(world);
    if (far instanceof LocalTree) await far.removeRemains();
    if (!isTorn) checkNotInvented(await viewOf(far), states);
    const tree = await openCache(world, far, 60_000);
    shown = await viewOf(tree);
    assert.ok(
      allowed.some((view) => isSameView(view, shown)),
      `${brief(shown)} is none of\n${allowed.map(brief).join('\n')}`,
    );
    await tree.waitClean(NEVER);
    const { conflicts, failures, dirtyBytes } = tree.status;
    assert.deepEqual([conflicts, failures, dirtyBytes], [[], [], 0]);
    assert.equal(brief(await viewOf(tree)), brief(shown), 'sending on changes nothing here');
    await tree.close();
  });
  machine.powerCut();
  await sim.run(machine, async (world) => {
    const far = await farOf(world);
    assert.equal(brief(await viewOf(far)), brief(shown), 'what was sent on is there, and stays');
  });
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

function isSameView(a: View, b: View): boolean {
  return a.size === b.size && [...a].every(([path, content]) => b.get(path) === content);
}

/** A view in a line: runs of a letter are counted. */
function brief(view: View): string {
  return [...view]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, content]) => `${path}=${content.replace(/(.)\1{9,}/gs, (run) => `${run[0]}*${run.length}`)}`)
    .join(' ');
}

export function sequences(length: number): Trial['steps'][] {
  if (length === 0) return [[]];
  return sequences(length - 1).flatMap((steps) => STEPS.map((step) => [...steps, step]));
}

/** As {@link run}; a failure names the trial. */
export async function attempt(trial: Trial): Promise<Ran> {
  try {
    return await run(trial);
  } catch (failure) {
    throw new Error(nameOf(trial), { cause: failure });
  }
}
