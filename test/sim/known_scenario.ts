import { equalBytes } from '../../src/base/bytes.ts';
import { decodeKnownContent, encodeKnownContent } from '../../src/wire/known_content.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { swarm } from '../../src/world/sim/faults.ts';
import type { SimMachine } from '../../src/world/sim/machine.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import {
  CHUNK,
  Keys,
  REMEMBERED,
  runAgent,
  runDaemon,
  type Scenario,
  type ScenarioResult,
} from './copy_scenario.ts';

const FAULTS_MS = 15_000;
const HEALING_MS = 600_000;
const SIZES = [5 * CHUNK, 6 * CHUNK + 3, 9 * CHUNK, 5 * CHUNK + 77];

interface Copied {
  fresh: Uint8Array;
  /** What may still be seen under the name. */
  former: Uint8Array | null;
}

/**
 * Copies a few files, changes them, copies them again, and again. Between two copies what the destination remembers is
 * damaged, swapped, made older or made to lie, or files there are written to behind its back. Everything may be killed or
 * cut at any operation. No name may ever show anything but the old or the new content.
 */
export async function runKnownScenario({ seed, plan = swarm(seed) }: Scenario): Promise<ScenarioResult> {
  const sim = new Sim(seed, plan);
  const dice = Dice.fromSeed(seed).fork('known');
  const inward = dice.chance(0.5);
  const host = sim.machine('host', { truthfulDisk: inward });
  const guest = sim.machine('guest', { truthfulDisk: !inward });
  const secure = dice.chance(0.5);
  const [source, sink] = inward ? [host, guest] : [guest, host];
  for (const machine of [host, guest]) machine.disk.writeTree('/data', {});
  sink.disk.writeTree('/dst', {});
  const files = firstVersions(source, dice);
  let violation: string | null = null;
  let isCopying = true;
  sink.disk.onVisibleChange((path) => {
    const file = files.get(path);
    const shown = file && sink.disk.readFile(path);
    if (!isCopying || !file || !shown || equalBytes(shown, file.fresh)) return;
    if (file.former && equalBytes(shown, file.former)) return;
    violation ??= `${path} shows neither its old nor its new content (${shown.byteLength} bytes)`;
  });
  const keys = new Keys();
  const agent = guest.supervise('agent', (world) => runAgent(world, secure, keys));
  REMEMBERED.count = 0;
  const sum = { attempts: 0, reusedBytes: 0, deaths: 0 };
  let report = await sim.runUntil(() => true, { maxVirtualMs: 1 });
  const rounds = dice.between(2, 3);
  for (let round = 0; round < rounds && violation === null; round += 1) {
    isCopying = false;
    if (round > 0) betweenCopies({ source, sink, files, dice });
    isCopying = true;
    const progress = { done: false, attempts: 0, reusedBytes: 0, zeroBytes: 0 };
    const daemon = host.supervise(`daemon${round}`, (world) =>
      runDaemon(world, { secure, inward, progress, keys, checksum: false }),
    );
    const isOver = () => progress.done || violation !== null;
    report = await sim.runUntil(isOver, { maxVirtualMs: FAULTS_MS });
    if (progress.done && dice.chance(0.5)) sink.powerCut();
    if (!isOver()) {
      sim.faults.stop();
      report = await sim.runUntil(isOver, { maxVirtualMs: HEALING_MS, maxEvents: 400_000 });
    }
    if (violation === null && !progress.done)
      violation = `no completion of copy ${round}: ${report.outcome}, attempts ${progress.attempts}`;
    violation ??= whatIsWrong(sink, files);
    daemon.stop();
    sum.attempts += progress.attempts;
    sum.reusedBytes += progress.reusedBytes;
    sum.deaths += daemon.deaths;
  }
  agent.stop();
  const { attempts, reusedBytes, deaths } = sum;
  return {
    report,
    violation,
    deaths: deaths + agent.deaths,
    attempts,
    reusedBytes,
    zeroBytes: 0,
    remembered: REMEMBERED.count,
  };
}

function firstVersions(source: SimMachine, dice: Dice): Map<string, Copied> {
  const files = new Map<string, Copied>();
  const count = dice.between(1, SIZES.length);
  for (let at = 0; at < count; at += 1) {
    const name = `f${at}${dice.chance(0.6) ? '.img' : ''}`;
    const fresh = dice.bytes(SIZES[at]!);
    source.disk.writeTree('/src/tree', { [name]: fresh });
    files.set(`/dst/tree/${name}`, { fresh, former: null });
  }
  return files;
}

interface Between {
  readonly source: SimMachine;
  readonly sink: SimMachine;
  readonly files: Map<string, Copied>;
  readonly dice: Dice;
}

/** What happens to the files and to what is remembered of them while nothing is copied. */
function betweenCopies({ source, sink, files, dice }: Between): void {
  for (const { disk } of [source, sink]) disk.setFull(false);
  for (const [path, file] of files) {
    const name = path.slice('/dst/tree/'.length);
    const behind = dice.chance(0.2);
    file.former = behind ? edited(file.fresh, dice) : file.fresh;
    if (behind) sink.disk.writeTree('/dst/tree', { [name]: file.former });
    file.fresh = dice.chance(0.2) ? file.fresh : edited(file.fresh, dice);
    source.disk.writeTree('/src/tree', { [name]: file.fresh });
    source.disk.setTime(
      `/src/tree/${name}`,
      BigInt(dice.between(1, 2 ** 30)) * 1_000_000_000n + BigInt(dice.between(0, 999)),
    );
  }
  const records = recordsOf(sink);
  for (const { path, bytes } of records) {
    const fate = dice.between(0, 5);
    if (fate === 0) sink.disk.writeFile(path, bytes.subarray(0, dice.between(0, bytes.byteLength)));
    if (fate === 1) sink.disk.flipBit(path, dice.between(0, bytes.byteLength - 1), dice.between(0, 7));
    if (fate === 2) sink.disk.writeFile(path, records[dice.between(0, records.length - 1)]!.bytes);
    if (fate === 3) lie({ sink, files, dice }, path, bytes);
  }
}

/** A record that is whole, and of a file as it stands there, but of other content: by chance, or by a snapshot that was put back. */
function lie({ sink, files, dice }: Omit<Between, 'source'>, path: string, bytes: Uint8Array): void {
  const content = decodeKnownContent(bytes);
  const victim = [...files.keys()][dice.between(0, files.size - 1)]!;
  const stat = sink.disk.stat(victim);
  if (content === null || stat === null) return;
  const { mtimeNs, ctimeNs, inode, deviceId, sizeBytes } = stat;
  const isFitting = sizeBytes === content.stamp.sizeBytes;
  const chunks = isFitting ? content.chunks : dice.bytes(Math.ceil(sizeBytes / content.chunkBytes) * 32);
  const blocks =
    content.blockBytes > 0 ? dice.bytes(Math.ceil(sizeBytes / content.blockBytes) * 8) : content.blocks;
  const stamp = { sizeBytes, mtimeNs, ctimeNs, inode, deviceId };
  sink.disk.writeFile(path, encodeKnownContent({ ...content, stamp, chunks, blocks, settled: true }));
}

function recordsOf(machine: SimMachine): { readonly path: string; readonly bytes: Uint8Array }[] {
  return machine.disk
    .listAll('/data')
    .filter(({ path }) => path.startsWith('/data/known/'))
    .map(({ path }) => ({ path, bytes: machine.disk.readFile(path) ?? new Uint8Array(0) }))
    .filter(({ bytes }) => bytes.byteLength > 0);
}

function edited(bytes: Uint8Array, dice: Dice): Uint8Array {
  const changed = Uint8Array.from(bytes);
  for (let at = dice.between(1, 3); at > 0; at -= 1) changed[dice.between(0, changed.byteLength - 1)]! ^= 1;
  if (dice.chance(0.2)) return Buffer.concat([changed, dice.bytes(dice.between(1, CHUNK))]);
  if (dice.chance(0.2)) return Buffer.concat([dice.bytes(dice.between(1, 9)), changed]);
  return dice.chance(0.2) ? changed.slice(0, dice.between(4 * CHUNK, changed.byteLength)) : changed;
}

function whatIsWrong(sink: SimMachine, files: ReadonlyMap<string, Copied>): string | null {
  for (const [path, { fresh }] of files) {
    const shown = sink.disk.readFile(path);
    if (!shown) return `${path} is missing after the copy was done`;
    if (!equalBytes(shown, fresh)) return `${path} has wrong content after the copy was done`;
  }
  const left = sink.disk.listAll('/dst').find((entry) => entry.path.includes('.causeway'));
  return left ? `${left.path} is left over` : null;
}
