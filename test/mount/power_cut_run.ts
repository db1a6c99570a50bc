// Records what a write-back cache and the folder that it sends to write to an ext4, cuts the power at some of its writes, mounts
// what is left each time, and looks at what the next process finds. It runs in a mount namespace of its own, so that nothing stays
// mounted however it ends: `unshare --mount node power_cut_run.ts SEED CUTS [BUG]`. Prints a line of JSON.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { type PlantedBug, plant } from '../../src/base/fault_points.ts';
import { WriteBackTree } from '../../src/cache/write_back/write_back_tree.ts';
import type { FileTree } from '../../src/tree/files/file_tree.ts';
import { LocalTree } from '../../src/tree/files/local_tree.ts';
import { createNodeCryptography } from '../../src/world/node/cryptography.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import {
  brief,
  isSameView,
  Program,
  START,
  STEPS,
  type Step,
  statesOf,
  type View,
  viewOf,
} from '../sim/write_back_steps.ts';
import { afterCut, type DiskRecord, type Loss } from './disk_record.ts';
import { onOneDevice } from './one_device.ts';
import { asRoot, RecordingDisk } from './recording_disk.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 12 * MIB;
const LOG_BYTES = 48 * MIB;
/** Of one recording. */
const CUTS_MAX = 50;
const NEVER = new AbortController().signal;
const FORMATS: readonly [readonly string[], ...(readonly string[])[]] = [
  ['-b', '4096'],
  ['-b', '1024'],
  ['-b', '1024', '-O', '^metadata_csum'],
];
const OPTIONS = [
  'data=ordered',
  'data=writeback',
  'data=ordered,nodelalloc',
  'data=writeback,nodelalloc',
] as const;
const LOSSES = ['all', 'none', 'some', 'some'] as const;

const [seed, cuts] = [Number(process.argv[2]), Number(process.argv[3])];
const bug = process.argv[4] as PlantedBug | undefined;
const world = createNodeWorld();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-power-'));
const place = (name: string): string => {
  const made = path.join(folder, name);
  fs.mkdirSync(made, { recursive: true });
  return made;
};
const mounted = place('mounted');
const imagePath = path.join(folder, 'image');

/** How far the disk had come when something was begun, and when it was said to be stable. */
interface Marks {
  readonly begun: number[];
  readonly stable: number[];
}

interface Recording {
  readonly steps: readonly Step[];
  readonly states: readonly View[];
  readonly marks: Marks;
  readonly base: Uint8Array;
  readonly log: ReturnType<DiskRecord['entries']>;
  readonly first: number;
  readonly options: string;
}

async function openCache(far: FileTree, ageMs: number, segmentBytes: number): Promise<WriteBackTree> {
  const { clock, random, disk } = world;
  const journal = { folder: mounted, name: 'j', key: new Uint8Array(32), segmentBytes, reserveBytes: 0 };
  return WriteBackTree.open({ clock, random, disk, crypto: createNodeCryptography() }, far, {
    place: journal,
    owner: { userId: 0, groupId: 0 },
    dirtyMaxBytes: MIB,
    ageMs,
  });
}

async function named<T>(step: Step, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (failure) {
    throw new Error(`${step.name} failed`, { cause: failure });
  }
}

/** Where something failed, files may be open in it. */
function unmount(): void {
  try {
    asRoot('umount', mounted);
  } catch {
    asRoot('umount', '-l', mounted);
  }
}

/** Steps that a plain tree takes, chosen one after the other. */
async function validSteps(dice: Dice, count: number): Promise<Step[]> {
  const steps: Step[] = [];
  while (steps.length < count) {
    const step = STEPS[dice.between(0, STEPS.length - 1)]!;
    if ((await statesOf([...steps, step])) !== null) steps.push(step);
  }
  return steps;
}

/** Makes another program's file stable, which brings the file system to write what it has of ours, too. */
function disturb(content: string): void {
  const fd = fs.openSync(path.join(mounted, 'bystander'), 'w');
  fs.writeSync(fd, content);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

async function recordSteps(
  dice: Dice,
  steps: readonly Step[],
  { count }: { count: () => number },
): Promise<Marks> {
  const marks: Marks = { begun: [], stable: [] };
  await using far = await LocalTree.open(world, path.join(mounted, 'far'));
  await using tree = await openCache(
    onOneDevice(far),
    dice.pick([0, 2, 5_000]),
    dice.pick([12_000, 100_000]),
  );
  const program = new Program(tree);
  for (const step of steps) {
    marks.begun.push(count());
    const isStable = (await named(step, () => step.run(program))) === true;
    marks.stable.push(isStable ? count() : Number.POSITIVE_INFINITY);
    if (dice.chance(0.3)) disturb(step.name);
  }
  await program.closeAll();
  await tree.waitClean(NEVER);
  marks.stable[steps.length - 1] = Math.min(count(), marks.stable[steps.length - 1]!);
  return marks;
}

async function record(dice: Dice): Promise<Recording> {
  fs.writeFileSync(imagePath, new Uint8Array(DISK_BYTES));
  const lazy = 'lazy_itable_init=0,lazy_journal_init=0,nodiscard';
  asRoot('mkfs.ext4', '-q', '-F', ...dice.pick(FORMATS), '-J', 'size=4', '-E', lazy, imagePath);
  const steps = await validSteps(dice, dice.between(8, 20));
  const states = (await statesOf(steps))!;
  const options = dice.pick(OPTIONS);
  await using disk = await RecordingDisk.start(place('disk'), fs.readFileSync(imagePath), LOG_BYTES);
  asRoot('mount', '-t', 'ext4', '-o', `loop,${options}`, disk.path, mounted);
  const pull = bug === undefined ? () => undefined : plant(bug);
  try {
    place('mounted/far');
    for (const [name, content] of Object.entries(START))
      fs.writeFileSync(path.join(mounted, 'far', name), content);
    asRoot('sync', '-f', mounted);
    const [base, first] = [disk.record.image.slice(), disk.record.count];
    const marks = await recordSteps(dice, steps, { count: () => disk.record.count });
    return { steps, states, marks, base, first, log: disk.record.entries(), options };
  } finally {
    pull();
    unmount();
  }
}

/** Null where what the next process finds is one of the states that may be; else what is wrong. */
async function check({ states, marks, base, log, options }: Recording, at: number, loss: Loss, dice: Dice) {
  fs.writeFileSync(imagePath, afterCut(base, log, at, loss, dice));
  asRoot('mount', '-t', 'ext4', '-o', `loop,${options}`, imagePath, mounted);
  try {
    await using far = await LocalTree.open(world, path.join(mounted, 'far'));
    await far.removeRemains();
    await using tree = await openCache(onOneDevice(far), 60_000, 12_000);
    const stable = marks.stable.findLastIndex((mark) => mark <= at) + 1;
    const begun = marks.begun.findLastIndex((mark) => mark <= at) + 1;
    const allowed = states.slice(stable, begun + 1);
    const shown = await viewOf(tree);
    if (!allowed.some((view) => isSameView(view, shown)))
      return `${brief(shown)} is none of\n${allowed.map(brief).join('\n')}`;
    await tree.waitClean(NEVER);
    const { conflicts, failures, dirtyBytes } = tree.status;
    assert.deepEqual([conflicts, failures, dirtyBytes], [[], [], 0]);
    assert.equal(brief(await viewOf(far)), brief(shown), 'what was sent on is what was shown');
    return null;
  } catch (failure) {
    return String(failure);
  } finally {
    unmount();
  }
}

/** Half of the cuts are right behind what was said to be stable, with all gone that was not flushed; the others are anywhere. */
function chosenCuts({ marks, log, first }: Recording, dice: Dice, most: number): [number, Loss][] {
  const acknowledged = marks.stable.filter(Number.isFinite);
  return Array.from({ length: most }, (_, index) =>
    index % 2 === 0 && acknowledged.length > 0
      ? [acknowledged[dice.between(0, acknowledged.length - 1)]!, index % 4 === 0 ? 'all' : 'some']
      : [dice.between(first, log.length), dice.pick(LOSSES)],
  );
}

const violations: string[] = [];
let [points, recordings, writes] = [0, 0, 0];
try {
  while (points < cuts) {
    const dice = Dice.fromSeed(seed + recordings);
    const recording = await record(dice).catch((failure: Error) => {
      violations.push(`SEED=${seed + recordings} was not recorded: ${inspect(failure)}`);
      return null;
    });
    recordings += 1;
    if (recording === null) break;
    writes += recording.log.length - recording.first;
    for (const [at, loss] of chosenCuts(recording, dice, Math.min(CUTS_MAX, cuts - points))) {
      const wrong = await check(recording, at, loss, dice);
      const steps = recording.steps.map(({ name }) => name).join(', ');
      if (wrong !== null)
        violations.push(
          `SEED=${seed + recordings - 1}, ${steps}; ${recording.options}; cut at ${at}, ${loss}: ${wrong}`,
        );
      points += 1;
    }
  }
} finally {
  fs.rmSync(folder, { recursive: true });
}
process.stdout.write(`${JSON.stringify({ points, recordings, writes, violations })}\n`);
