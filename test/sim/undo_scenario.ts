import { toHex } from '../../src/base/bytes.ts';
import { asCausewayError } from '../../src/base/errors.ts';
import { CopyService } from '../../src/transfer/copy_service.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { TreeLink, type TreeSpec } from '../../src/world/sim/disk/machine-disk.ts';
import { swarm } from '../../src/world/sim/faults.ts';
import type { SimMachine } from '../../src/world/sim/machine.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import {
  CHUNK,
  COPY_ID,
  Keys,
  runAgent,
  runDaemon,
  type Scenario,
  type ScenarioResult,
} from './copy_scenario.ts';

const UNDO_ID = new Uint8Array(16).fill(9);
const COPY_MS = 15_000;
const UNDO_MS = 15_000;
const HEALING_MS = 600_000;

/**
 * A copy over a tree that stands there, cut off at any moment or complete; then its undo, cut off at any moment and run
 * again until it is done. The tree has to be what it was before, in every byte, mode and time.
 */
export async function runUndoScenario({ seed, plan = swarm(seed) }: Scenario): Promise<ScenarioResult> {
  const sim = new Sim(seed, plan);
  const dice = Dice.fromSeed(seed).fork('undo scenario');
  const inward = dice.chance(0.5);
  const host = sim.machine('host', { truthfulDisk: inward });
  const guest = sim.machine('guest', { truthfulDisk: !inward });
  const secure = dice.chance(0.2);
  const [source, sink] = inward ? [host, guest] : [guest, host];
  layOut(source, sink, dice);
  const describing = Dice.fromSeed(seed).fork('attributes');
  if (describing.chance(0.6))
    for (const [machine, folder] of [
      [source, '/src/tree'],
      [sink, '/dst/tree'],
    ] as const)
      describe(machine, folder, describing);
  const mirroring = Dice.fromSeed(seed).fork('mirror');
  const mirror = mirroring.chance(0.4);
  if (mirror) layOutExtraneous(sink, mirroring);
  const before = picture(sink);
  let violation: string | null = null;
  const keys = new Keys();
  const progress = { done: false, attempts: 0, reusedBytes: 0, zeroBytes: 0 };
  const undo = { id: UNDO_ID, required: false };
  const ignoreTimes = dice.chance(0.3);
  const agent = guest.supervise('agent', (world) => runAgent(world, secure, keys));
  const daemon = host.supervise('daemon', (world) =>
    runDaemon(world, { secure, inward, progress, keys, undo, ignoreTimes, mirror }),
  );
  const copyMs = dice.chance(0.5) ? COPY_MS : Math.ceil(dice.unit() * 2_000);
  await sim.runUntil(() => progress.done, { maxVirtualMs: copyMs });
  if (mirror && progress.done) violation = mirrorFault(source, sink);
  for (const supervisor of [agent, daemon]) {
    supervisor.stop();
    supervisor.process.kill();
  }
  if (dice.chance(0.5)) sink.powerCut();
  const undone = { done: false, attempts: 0, refused: 0, last: '' };
  const undoer = sink.supervise('undo', (world) => runUndo(world, undone, () => !sim.faults.active));
  const isOver = () => undone.done || undone.refused > 2;
  await sim.runUntil(() => undone.done, { maxVirtualMs: UNDO_MS });
  if (undone.done) sink.powerCut();
  sim.faults.stop();
  const report = await sim.runUntil(isOver, { maxVirtualMs: HEALING_MS, maxEvents: 400_000 });
  if (!undone.done) violation ??= `the undo does not end: ${report.outcome}, ${undone.last}`;
  violation ??= difference(before, picture(sink));
  undoer.stop();
  const deaths = agent.deaths + daemon.deaths + undoer.deaths;
  const { reusedBytes, zeroBytes } = progress;
  return { report, violation, deaths, attempts: progress.attempts + undone.attempts, reusedBytes, zeroBytes };
}

/** What a user does who wants the old state: cancel, then undo, until both say that nothing is left to do. */
async function runUndo(
  world: World,
  undone: { done: boolean; attempts: number; refused: number; last: string },
  isHealthy: () => boolean,
): Promise<void> {
  const copies = new CopyService(world);
  while (!undone.done) {
    undone.attempts += 1;
    try {
      await copies.discard(COPY_ID, '/dst/tree');
      const report = await copies.undo(COPY_ID, UNDO_ID, '/dst/tree');
      undone.last = JSON.stringify(report?.problems ?? []);
      undone.done = report === null || report.problemCount === 0;
      if (!undone.done && isHealthy()) undone.refused += 1;
    } catch (failure) {
      undone.last = asCausewayError(failure).message; // a fault of the disk: tried again
    }
    if (!undone.done) await world.clock.sleep(100);
  }
}

function layOut(source: SimMachine, sink: SimMachine, dice: Dice): void {
  source.disk.writeTree('/src/tree', tree(dice, 1));
  sink.disk.writeTree('/dst', {});
  if (dice.chance(0.8)) sink.disk.writeTree('/dst/tree', tree(dice, 0.7));
  sink.disk.writeTree('/dst', { bystander: dice.bytes(10) });
}

/** What the source does not have: files, a folder, and more in a folder that it has. */
function layOutExtraneous({ disk }: SimMachine, dice: Dice): void {
  const { tree: there } = Object.fromEntries(disk.listAll('/dst').map(({ path }) => [path.slice(5), true]));
  if (!there) return;
  const some = (): Uint8Array => dice.bytes(dice.between(0, 2 * CHUNK));
  const gone: TreeSpec = { gone: some(), ...(dice.chance(0.5) && { 'gone link': new TreeLink('nowhere') }) };
  if (dice.chance(0.7)) disk.writeTree('/dst/tree', gone);
  if (dice.chance(0.5))
    disk.writeTree('/dst/tree', { 'gone folder': { ...gone, deep: { more: some() }, none: {} } });
  if (dice.chance(0.5)) disk.writeTree('/dst/tree/sub', { gone: some() });
}

/** What tells the two trees apart by their names, once the copy says that they are the same. */
function mirrorFault(source: SimMachine, sink: SimMachine): string | null {
  const names = ({ disk }: SimMachine, folder: string) =>
    disk
      .listAll(folder)
      .map(({ path }) => path.slice(folder.length))
      .filter((path) => !path.startsWith('/.causeway'))
      .toSorted()
      .join(' ');
  const [there, here] = [names(source, '/src/tree'), names(sink, '/dst/tree')];
  return there === here ? null : `a mirror of ${there} has ${here}`;
}

/** Other modes and attributes for some entries, and further names for some files. */
function describe({ disk }: SimMachine, folder: string, dice: Dice): void {
  for (const { path, kind } of disk.listAll(folder)) {
    if (kind === 'symlink') continue;
    const modes = kind === 'file' ? [0o644, 0o600, 0o444] : [0o755, 0o700, 0o555];
    const xattr = dice.chance(0.4) ? { name: `user.${dice.between(0, 1)}`, value: dice.bytes(3) } : undefined;
    if (dice.chance(0.5)) disk.describe(path, modes[dice.between(0, 2)]!, xattr);
    if (kind === 'file' && dice.chance(0.2)) disk.link(path, `${path.slice(path.lastIndexOf('/') + 1)}-too`);
  }
}

/** Folders, small and large files, symlinks; each is there with that chance. */
function tree(dice: Dice, rate: number): TreeSpec {
  const files = (sizes: readonly number[]): Record<string, Uint8Array> =>
    Object.fromEntries(
      sizes.flatMap((size, at) =>
        dice.chance(rate) ? [[`f${at}`, dice.bytes(size + dice.between(0, 9))]] : [],
      ),
    );
  const maybe = (name: string, value: TreeSpec[string]): TreeSpec =>
    dice.chance(rate) ? { [name]: value } : {};
  return {
    ...files([0, 1, 700, CHUNK - 4, 3 * CHUNK + 5]),
    ...maybe('link', new TreeLink(`to-${dice.between(0, 3)}`)),
    ...maybe('sub', { ...files([10, 5_000]), ...maybe('deep', files([20, 2 * CHUNK])) }),
    ...maybe('other', files([30])),
  };
}

/** Everything below the destination with its attributes, as text; without the time of the folder that has `.causeway`. */
function picture(sink: SimMachine): Map<string, string> {
  const lines = new Map<string, string>();
  for (const { path, kind, sizeBytes, mode, mtimeNs, target } of sink.disk.listAll('/dst')) {
    const content = kind === 'file' ? toHex(sink.disk.readFile(path)!) : (target ?? '');
    const time = path === '/dst/tree' ? 0n : mtimeNs;
    const size = kind === 'directory' ? 0 : sizeBytes;
    const xattrs = [...sink.disk.xattrs(path)].map(([name, value]) => `${name}=${toHex(value)}`).toSorted();
    const described = `${mode.toString(8)} ${size} ${time} ${xattrs.join(',')}`;
    lines.set(path, `${kind} ${described} ${content.slice(0, 64)} ${content.length}`);
  }
  return lines;
}

function difference(before: Map<string, string>, after: Map<string, string>): string | null {
  for (const [path, line] of before) {
    const now = after.get(path);
    if (now !== line) return `${path} was ${line} and is ${now ?? 'gone'}`;
  }
  for (const path of after.keys()) if (!before.has(path)) return `${path} was not there before`;
  return null;
}
