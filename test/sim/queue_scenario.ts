import { MemoryJobStore } from '../../src/host/memory_job_store.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { type FaultPlan, swarm } from '../../src/world/sim/faults.ts';
import { Sim, type SimReport } from '../../src/world/sim/sim.ts';
import { runSimAgent, runSimDaemon, SimKeys } from './queue_parties.ts';
import { QueueUser } from './queue_user.ts';

const GUESTS = ['guest-a', 'guest-b'];
const FAULTS_MS = 20_000;
/** Time windows open within it, wherever the wall clock was set. */
const HEALING_MS = 2 * 3_600_000;
const LOOK_EVERY_MS = 50;
const ACT_EVERY_MS = 1_000;

export interface QueueResult {
  readonly report: SimReport;
  /** What must never be, in words; null where everything held. */
  readonly violation: string | null;
  readonly deaths: number;
  readonly jobs: number;
  /** Calls of the user that were answered. */
  readonly answers: number;
}

/** Kills, power cuts, stops, slow and full disks and a bad network. Damaged files have scenarios of their own. */
function planOf(seed: number): FaultPlan {
  const { disk, net, process } = swarm(seed);
  const errors = { readErrorRate: 0, writeErrorRate: 0, syncErrorRate: 0, metadataErrorRate: 0 };
  return { disk: { ...disk, ...errors, readFlipRate: 0, storedFlipRate: 0 }, net, process };
}

/**
 * A daemon with a queue, two agents, and a user who asks for all kinds of things while everything dies and comes back.
 * With `between` half of the copies go from one machine to the other. What the user was told must hold, and in the end every job is where it has to be.
 */
export async function runQueueScenario(seed: number, between = false): Promise<QueueResult> {
  const sim = new Sim(seed, planOf(seed));
  const dice = Dice.fromSeed(seed).fork('user');
  const host = sim.machine('host');
  const guests = GUESTS.map((name) => sim.machine(name));
  const user = new QueueUser(dice, host, guests, between);
  const keys = new SimKeys();
  const disk = new MemoryJobStore();
  const daemon = host.supervise('daemon', (world) =>
    runSimDaemon(world, { keys, guests: GUESTS, disk, up: (serving) => user.daemonUp(serving) }),
  );
  const agents = guests.map((guest) => guest.supervise('agent', (world) => runSimAgent(world, keys)));
  const repeat = (everyMs: () => number, wanted: () => boolean, action: () => void) =>
    sim.after(everyMs(), () => {
      if (!wanted()) return;
      if (daemon.process.running) action();
      repeat(everyMs, wanted, action);
    });
  repeat(
    () => dice.unit() * 2 * ACT_EVERY_MS,
    () => !user.healing,
    () => user.act(),
  );
  repeat(
    () => (user.healing ? 20 : 1) * LOOK_EVERY_MS,
    () => !user.settled,
    () => user.look(),
  );
  await sim.runUntil(() => user.violation !== null, { maxVirtualMs: FAULTS_MS, maxEvents: 2_000_000 });
  sim.faults.stop();
  user.healing = true;
  const report = await sim.runUntil(() => user.settled || user.violation !== null, {
    maxVirtualMs: HEALING_MS,
    maxEvents: 4_000_000,
  });
  if (user.violation === null) user.checkEnd(report.outcome, sim.faults.plan.disk.fullEveryMs > 0);
  const deaths = [daemon, ...agents].reduce((sum, supervisor) => sum + supervisor.deaths, 0);
  for (const supervisor of [daemon, ...agents]) supervisor.stop();
  return { report, violation: user.violation, deaths, jobs: user.jobs.size, answers: user.answers };
}
