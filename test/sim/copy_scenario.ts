import { equalBytes } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { dialLink } from '../../src/link/dial.ts';
import type { Mux } from '../../src/link/mux/mux.ts';
import { serveLinks } from '../../src/link/serve.ts';
import type { TrustPolicy } from '../../src/link/session/trust.ts';
import { CopyJob } from '../../src/transfer/copy_job.ts';
import { CopyService } from '../../src/transfer/copy_service.ts';
import { peerMethods } from '../../src/transfer/peer_methods.ts';
import { PeerSession } from '../../src/transfer/peer_session.ts';
import { KnownFolder } from '../../src/tree/index/known_files.ts';
import type { CompressOptions, UndoOptions } from '../../src/wire/copy_types.ts';
import type { FileStamp, KnownContent } from '../../src/wire/known_content.ts';
import type { Stat } from '../../src/world/disk.ts';
import type { TlsIdentity } from '../../src/world/net.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { type FaultPlan, swarm } from '../../src/world/sim/faults.ts';
import type { SimMachine } from '../../src/world/sim/machine.ts';
import { Sim, type SimReport } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';

export const COPY_ID = new Uint8Array(16).fill(7);
export const CHUNK = LIMITS.chunkMinBytes.value;
/** Faults last for this much virtual time, unless the copy ends before; then the copy has the second amount to end. */
const FAULTS_MS = 15_000;
const HEALING_MS = 600_000;

export interface Scenario {
  readonly seed: number;
  readonly plan?: FaultPlan;
}

export interface ScenarioResult {
  readonly report: SimReport;
  /** What must never be, in words; null where everything held. */
  readonly violation: string | null;
  readonly deaths: number;
  readonly attempts: number;
  /** Bytes that were taken from earlier versions, in the attempts that ended well. */
  readonly reusedBytes: number;
  /** Bytes that did not travel because they are zeros, in the same. */
  readonly zeroBytes: number;
  /** Files that became hard links to an earlier copy. */
  readonly linked?: number;
  /** Bytes of files that travelled compressed, in the same. */
  readonly squeezedBytes?: number;
  /** How often a version at the destination need not be read to be compared. */
  readonly remembered?: number;
}

interface Expected {
  readonly files: Map<string, { readonly fresh: Uint8Array; readonly old: Uint8Array | null }>;
  /** Files of an earlier copy beside the destination, which nothing may change. */
  readonly reference: Map<string, Kept>;
}

interface Kept {
  readonly bytes: Uint8Array;
  readonly stat: Stat;
}

/** One copy between two machines with all faults of the seed's plan, checked at every change that anybody could see. */
export async function runCopyScenario({ seed, plan = swarm(seed) }: Scenario): Promise<ScenarioResult> {
  const sim = new Sim(seed, plan);
  const dice = Dice.fromSeed(seed).fork('scenario');
  const inward = dice.chance(0.5);
  const host = sim.machine('host', { truthfulDisk: inward });
  const guest = sim.machine('guest', { truthfulDisk: !inward });
  const secure = dice.chance(0.5);
  const [source, sink] = inward ? [host, guest] : [guest, host];
  const squeezing = Dice.fromSeed(seed).fork('compression');
  const compress = squeezing.chance(0.4) ? { level: 1, largePacks: squeezing.chance(0.5) } : undefined;
  const runs = compress === undefined ? null : squeezing;
  const checksum = Dice.fromSeed(seed).fork('checksum').chance(0.3);
  const expected = layOut(source, sink, { dice, versions: Dice.fromSeed(seed).fork('versions'), runs });
  layReference(source, sink, expected, Dice.fromSeed(seed).fork('reference'));
  const linkDest = expected.reference.size > 0 ? '/dst/yesterday' : undefined;
  let violation: string | null = null;
  const violate = (text: string) => {
    violation ??= text;
  };
  sink.disk.onVisibleChange((path) => {
    const file = expected.files.get(path);
    const shown = file && sink.disk.readFile(path);
    if (!file || !shown || equalBytes(shown, file.fresh) || (file.old && equalBytes(shown, file.old))) return;
    violate(`${path} shows neither its old nor its new content (${shown.byteLength} bytes)`);
  });

  const progress = { done: false, attempts: 0, reusedBytes: 0, zeroBytes: 0, squeezedBytes: 0 };
  const keys = new Keys();
  const agent = guest.supervise('agent', (world) => runAgent(world, secure, keys));
  const daemon = host.supervise('daemon', (world) =>
    runDaemon(world, { secure, inward, progress, keys, compress, checksum, linkDest }),
  );
  await sim.runUntil(() => progress.done || violation !== null, { maxVirtualMs: FAULTS_MS });
  // "Done" has to survive a power cut at that very moment.
  if (progress.done) sink.powerCut();
  if (progress.done) note(checkWhole(sink, expected), violate);
  sim.faults.stop();
  const report = await sim.runUntil(() => progress.done || violation !== null, {
    maxVirtualMs: HEALING_MS,
    maxEvents: 400_000,
  });
  if (violation === null && !progress.done)
    violate(`no completion after the faults stopped: ${report.outcome}, attempts ${progress.attempts}`);
  if (violation === null) note(checkWhole(sink, expected), violate);
  if (violation === null) note(checkReference(sink, expected), violate);
  if (violation === null) note(checkLeftovers(sink), violate);
  const { attempts, reusedBytes, zeroBytes, squeezedBytes } = progress;
  agent.stop();
  daemon.stop();
  const deaths = agent.deaths + daemon.deaths;
  const linked = linkedFiles(sink, expected);
  return { report, violation, deaths, attempts, reusedBytes, zeroBytes, linked, squeezedBytes };
}

function note(text: string | null, violate: (text: string) => void): void {
  if (text !== null) violate(text);
}

/**
 * Keys that outlive processes and disks: a damaged key file asks for its owner, and who copies what to whom is not the
 * question here.
 */
export class Keys {
  readonly #made = new Map<string, TlsIdentity>();

  async of(world: World): Promise<TlsIdentity> {
    const name = world.process.info.hostName;
    const identity = this.#made.get(name) ?? (await world.identities.create(name));
    this.#made.set(name, identity);
    return identity;
  }
}

const TRUST_ALL: TrustPolicy = {
  isPinned: () => 'host',
  redeemPairing: async () => 'host',
  pinFirstUse: async () => 'host',
};

/** What a machine remembers where it has a folder `/data` for it, which outlives processes; so little that it has to make room. */
class SmallMemory extends KnownFolder {
  constructor({ disk }: World) {
    const bounds = { files: 3, bytes: 64 * 1024, minFileBytes: CHUNK };
    super({ disk, dataDirectory: '/data', bounds });
  }

  override async find(stat: FileStamp): Promise<KnownContent | null> {
    const content = await super.find(stat);
    if (content !== null) REMEMBERED.count += 1;
    return content;
  }
}

/** How often a scenario has found anything in it. */
export const REMEMBERED = { count: 0 };

export async function runAgent(world: World, secure: boolean, keys: Keys): Promise<void> {
  const identity = await keys.of(world);
  const policy = TRUST_ALL;
  const listener = await world.net.listen({ kind: 'tcp', host: 'guest', port: 7411 });
  const server = serveLinks(world, {
    source: { kind: 'listener', listener },
    trust: secure ? { kind: 'policy', policy } : { kind: 'trust-carrier' },
    identity,
    buildId: 'sim',
  });
  const copies = new CopyService({ ...world, known: new SmallMemory(world) });
  const forever = new AbortController().signal; // one for all processes would keep what each of them held
  for (;;) {
    const link = await server.accept(forever);
    const mux = await link.ready(forever).catch(() => null); // gone again before it was served
    if (mux) void new PeerSession(mux, copies, peerMethods(world, copies, 'sim')).serve();
  }
}

export interface DaemonPart {
  readonly secure: boolean;
  readonly inward: boolean;
  readonly keys: Keys;
  readonly progress: {
    done: boolean;
    attempts: number;
    reusedBytes: number;
    zeroBytes: number;
    squeezedBytes?: number;
  };
  readonly compress?: CompressOptions | undefined;
  readonly undo?: UndoOptions;
  readonly ignoreTimes?: boolean;
  readonly mirror?: boolean;
  readonly checksum?: boolean;
  readonly linkDest?: string | undefined;
}

export async function runDaemon(
  world: World,
  { ignoreTimes = false, mirror = false, checksum = false, ...part }: DaemonPart,
): Promise<void> {
  const { secure, inward, progress, keys, undo, compress, linkDest } = part;
  const identity = await keys.of(world);
  const link = dialLink(world, {
    channel: { kind: 'tcp', host: 'guest', port: 7411 },
    trust: secure
      ? { kind: 'first-use', fingerprint: null, onPinned: async () => undefined }
      : { kind: 'trust-carrier' },
    identity,
    buildId: 'sim',
    incarnation: world.random.bytes(16),
  });
  const sessions = new Map<Mux, PeerSession>();
  const sessionOf = (mux: Mux): PeerSession => {
    let session = sessions.get(mux);
    if (!session) {
      session = new PeerSession(mux, null, {});
      sessions.set(mux, session);
      void session.serve();
    }
    return session;
  };
  link.onState((state) => {
    if (state.kind === 'up') sessionOf(state.mux);
  });
  const knowing = { ...world, known: new SmallMemory(world) };
  while (!progress.done) {
    progress.attempts += 1;
    const job = new CopyJob({
      world: knowing,
      link,
      routerOf: (mux) => sessionOf(mux).router,
      spec: {
        transferId: COPY_ID,
        role: inward ? 'source' : 'sink',
        sources: ['/src/tree/.'],
        destination: '/dst/tree',
        options: {
          chunkBytes: CHUNK,
          lanes: 2,
          ignoreTimes,
          wholeFile: false,
          limitBytesPerSecond: null,
          undo,
          compress,
          mirror,
          checksum,
          ...(linkDest && { linkDest }),
        },
      },
    });
    const end = await job.run();
    progress.reusedBytes += job.view()?.reusedBytes ?? 0;
    progress.zeroBytes += job.view()?.zeroBytes ?? 0;
    progress.squeezedBytes = (progress.squeezedBytes ?? 0) + (job.view()?.compressed?.beforeBytes ?? 0);
    if (end.kind === 'done' && end.outcome.problems.length === 0) progress.done = true;
    else await world.clock.sleep(200);
  }
  await link.close();
}

/** The trees of both sides: what is copied, and what stands at the destination before. */
function layOut(
  source: SimMachine,
  sink: SimMachine,
  { dice, versions, runs }: { readonly dice: Dice; readonly versions: Dice; readonly runs: Dice | null },
): Expected {
  source.disk.writeTree('/src/tree/sub', {});
  sink.disk.writeTree('/dst', {});
  const files: Expected['files'] = new Map();
  const sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3, 100, 3000];
  const count = dice.between(2, sizes.length);
  const zeros = versions.fork('zeros');
  const replaces = dice.chance(0.4);
  if (replaces) sink.disk.writeTree('/dst/tree/sub', {});
  for (let at = 0; at < count; at += 1) {
    const fresh = withRuns(withZeros(dice.bytes(sizes[at]!), zeros), runs);
    const isOld = replaces && dice.chance(0.7);
    const unlike = isOld ? dice.bytes(500) : null;
    const alike =
      isOld && sizes[at]! >= LIMITS.deltaFileMinBytes.value && versions.chance(0.8)
        ? earlierVersion(fresh, versions)
        : null;
    const old = alike ?? unlike;
    // a disk image is compared by blocks, other files by pieces that their content defines
    const name = `${at % 3 === 0 ? 'sub/' : ''}f${at}${alike && versions.chance(0.5) ? '.img' : ''}`;
    layFile(source, `/src/tree/${name}`, fresh);
    const target = `/dst/tree/${name}`;
    if (old) layFile(sink, target, old);
    files.set(target, { fresh, old });
  }
  return { files, reference: new Map() };
}

/** An earlier copy, that has some of the files as they are and others of an earlier time. */
function layReference(
  source: SimMachine,
  sink: SimMachine,
  { files, reference }: Expected,
  dice: Dice,
): void {
  if (!dice.chance(0.4)) return;
  for (const [target, { fresh }] of files) {
    if (dice.chance(0.3)) continue;
    const name = target.slice('/dst/tree/'.length);
    const path = `/dst/yesterday/${name}`;
    const isSame = dice.chance(0.7);
    layFile(sink, path, isSame || fresh.byteLength === 0 ? fresh : earlierVersion(fresh, dice));
    const { mtimeNs } = source.disk.stat(`/src/tree/${name}`)!;
    sink.disk.setTime(path, isSame ? mtimeNs : mtimeNs - 1n);
    reference.set(path, { bytes: sink.disk.readFile(path)!, stat: sink.disk.stat(path)! });
  }
}

/** The same with zeros from somewhere to somewhere, often whole chunks of them. */
function withZeros(bytes: Uint8Array, dice: Dice): Uint8Array {
  if (bytes.byteLength < CHUNK || dice.chance(0.5)) return bytes;
  const unit = dice.chance(0.7) ? CHUNK : 4096;
  const from = unit * dice.between(0, Math.floor(bytes.byteLength / unit) - 1);
  const to = dice.chance(0.3) ? bytes.byteLength : from + unit * dice.between(1, 4);
  return bytes.fill(0, from, Math.min(to, bytes.byteLength));
}

/** The same with runs of equal bytes in most files, which get smaller by compression. */
function withRuns(bytes: Uint8Array, dice: Dice | null): Uint8Array {
  if (dice === null || dice.chance(0.3)) return bytes;
  for (let at = 0; at < bytes.byteLength; ) {
    const end = at + dice.between(8, 200);
    bytes.fill(bytes[at]!, at, end);
    at = end;
  }
  return bytes;
}

/** What most of `fresh` may have come from. */
function earlierVersion(fresh: Uint8Array, dice: Dice): Uint8Array {
  const old = Uint8Array.from(fresh);
  old[dice.between(0, old.byteLength - 1)]! ^= 1;
  old[dice.between(0, old.byteLength - 1)]! ^= 2;
  if (dice.chance(0.3)) return Buffer.concat([dice.bytes(dice.between(1, 9)), old]);
  return dice.chance(0.5) ? old : old.subarray(0, dice.between(1, old.byteLength));
}

function layFile(machine: SimMachine, path: string, content: Uint8Array): void {
  const cut = path.lastIndexOf('/');
  machine.disk.writeTree(path.slice(0, cut), { [path.slice(cut + 1)]: content });
}

function checkWhole(sink: SimMachine, expected: Expected): string | null {
  for (const [path, { fresh }] of expected.files) {
    const shown = sink.disk.readFile(path);
    if (!shown) return `${path} is missing after the copy was done`;
    if (!equalBytes(shown, fresh)) return `${path} has wrong content after the copy was done`;
  }
  return null;
}

function checkReference(sink: SimMachine, { reference }: Expected): string | null {
  for (const [path, { bytes, stat }] of reference) {
    const now = sink.disk.stat(path);
    const shown = sink.disk.readFile(path);
    if (now?.inode !== stat.inode || now.mtimeNs !== stat.mtimeNs || now.mode !== stat.mode)
      return `${path} of the earlier copy is another file`;
    if (!shown || !equalBytes(shown, bytes)) return `${path} of the earlier copy has other content`;
  }
  return null;
}

function linkedFiles(sink: SimMachine, { files, reference }: Expected): number {
  const inodes = new Set([...reference.values()].map(({ stat }) => stat.inode));
  return [...files.keys()].filter((path) => inodes.has(sink.disk.stat(path)?.inode ?? '')).length;
}

function checkLeftovers(sink: SimMachine): string | null {
  const left = sink.disk.listAll('/dst').find((entry) => entry.path.includes('.causeway'));
  return left ? `${left.path} is left over` : null;
}
