import { LIMITS } from '../../src/base/limits.ts';
import type { JobView } from '../../src/contract/schemas.ts';
import { NO_FIGURES } from '../../src/host/job_frame.ts';
import { JobTracker } from '../../src/host/job_view.ts';
import { dialLink } from '../../src/link/dial.ts';
import type { Mux } from '../../src/link/mux/mux.ts';
import { CopyJob, type JobEnd } from '../../src/transfer/copy_job.ts';
import { PeerSession } from '../../src/transfer/peer_session.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { NO_DISK_FAULTS, NO_FAULTS, NO_NET_FAULTS } from '../../src/world/sim/faults.ts';
import type { SimMachine } from '../../src/world/sim/machine.ts';
import type { Route } from '../../src/world/sim/net/route.ts';
import type { SimProcess } from '../../src/world/sim/process.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { COPY_ID, Keys, runAgent } from './copy_scenario.ts';
import { noTrouble, type Trouble, troubledWorld } from './troubled_world.ts';

/** Everything that trouble can be made with. */
export interface Stage {
  readonly sim: Sim;
  readonly dice: Dice;
  readonly inward: boolean;
  readonly source: Trouble;
  readonly sink: Trouble;
  readonly sinkMachine: SimMachine;
  readonly route: Route;
  readonly agent: SimProcess;
}

export interface Play {
  readonly seed: number;
  readonly sizeBytes: number;
  readonly inward?: boolean;
  readonly limitBytesPerSecond?: number;
  /** Before the copy begins. */
  readonly prepare?: (stage: Stage) => void;
  /** At this time after the copy has begun, in ms. */
  readonly onsetMs?: number;
  readonly strike?: (stage: Stage) => void;
  /** For how long it is watched, in ms. */
  readonly watchMs: number;
}

/** What the copy told at one moment. */
export interface Told {
  /** Since the copy began. */
  readonly atMs: number;
  readonly explanation: JobView['explanation'];
  readonly stall: JobView['stall'];
  readonly durableBytes: number;
}

/** A copy in a simulated world with some latency and no faults but those of the play; everything that it told. */
export async function play(parts: Play): Promise<{ readonly stage: Stage; readonly told: readonly Told[] }> {
  const { seed, sizeBytes, watchMs } = parts;
  const sim = new Sim(seed, {
    ...NO_FAULTS,
    disk: { ...NO_DISK_FAULTS, latencyRate: 0.2, latencyMaxMs: 1 },
    net: { ...NO_NET_FAULTS, latencyRate: 1, latencyMaxMs: 2 },
  });
  const dice = Dice.fromSeed(seed).fork('explain');
  const inward = parts.inward ?? dice.chance(0.5);
  const host = sim.machine('host');
  const guest = sim.machine('guest');
  const [sourceMachine, sinkMachine] = inward ? [host, guest] : [guest, host];
  const [source, sink] = [noTrouble(), noTrouble()];
  const [onHost, onGuest] = inward ? [source, sink] : [sink, source];
  sourceMachine.disk.writeTree('/src/tree', { file: dice.bytes(sizeBytes) });
  sinkMachine.disk.writeTree('/dst', {});
  const keys = new Keys();
  const agent = guest.spawn('agent', (world) => runAgent(troubledWorld(world, onGuest), true, keys));
  const route = sim.net.route('host', 'guest');
  const stage: Stage = { sim, dice, inward, source, sink, sinkMachine, route, agent };
  parts.prepare?.(stage);
  const told: Told[] = [];
  const begun = { atMs: null as number | null };
  host.spawn('daemon', (world) =>
    runDaemon(troubledWorld(world, onHost), { ...parts, inward, keys }, (tracker, end) => {
      begun.atMs ??= sim.nowMs;
      const { explanation, stall, durableBytes } = tracker.figures(end);
      told.push({ atMs: sim.nowMs - begun.atMs, explanation, stall, durableBytes });
    }),
  );
  const untilMs = (atMs: number) => () => begun.atMs !== null && sim.nowMs - begun.atMs >= atMs;
  const limits = { maxEvents: 30_000_000, maxVirtualMs: watchMs + 60_000 };
  if (parts.onsetMs !== undefined) {
    await sim.runUntil(untilMs(parts.onsetMs), limits);
    parts.strike?.(stage);
  }
  await sim.runUntil(untilMs(watchMs), limits);
  return { stage, told };
}

async function runDaemon(
  world: World,
  { inward, keys, limitBytesPerSecond }: Play & { readonly inward: boolean; readonly keys: Keys },
  onFigures: (tracker: JobTracker, end: JobEnd | null) => void,
): Promise<void> {
  const link = dialLink(world, {
    channel: { kind: 'tcp', host: 'guest', port: 7411 },
    trust: { kind: 'first-use', fingerprint: null, onPinned: async () => undefined },
    identity: await keys.of(world),
    buildId: 'sim',
    incarnation: world.random.bytes(16),
  });
  const sessions = new Map<Mux, PeerSession>();
  const sessionOf = (mux: Mux): PeerSession => {
    const session = sessions.get(mux) ?? new PeerSession(mux, null, {});
    if (!sessions.has(mux)) void session.serve();
    sessions.set(mux, session);
    return session;
  };
  link.onState((state) => {
    if (state.kind === 'up') sessionOf(state.mux);
  });
  await link.ready(new AbortController().signal);
  const job = new CopyJob({
    world,
    link,
    routerOf: (mux) => sessionOf(mux).router,
    spec: {
      transferId: COPY_ID,
      role: inward ? 'source' : 'sink',
      sources: ['/src/tree/.'],
      destination: '/dst/tree',
      options: {
        chunkBytes: LIMITS.chunkMinBytes.value,
        lanes: 2,
        ignoreTimes: false,
        wholeFile: false,
        limitBytesPerSecond: limitBytesPerSecond ?? null,
      },
    },
  });
  const tracker = new JobTracker(NO_FIGURES, world.clock, inward ? 'in' : 'out');
  const running = job.run();
  const ended = { end: null as JobEnd | null };
  void running.then((end) => {
    ended.end = end;
  });
  while (ended.end === null) {
    tracker.observe(job, link.state);
    onFigures(tracker, null);
    await world.clock.sleep(LIMITS.progressIntervalMs.value);
  }
  tracker.observe(job, link.state);
  onFigures(tracker, ended.end);
  await link.close();
}
