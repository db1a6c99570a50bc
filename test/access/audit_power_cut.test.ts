import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuditLog } from '../../src/access/audit/audit_log.ts';
import { openLogPlace } from '../../src/access/audit/log_place.ts';
import { LogReader } from '../../src/access/audit/reader.ts';
import { SecondPlace } from '../../src/access/audit/second_place.ts';
import { type AuditVerification, verifyLog } from '../../src/access/audit/verify.ts';
import { MasterKeys } from '../../src/access/keys/master_keys.ts';
import { CausewayError } from '../../src/base/errors.ts';
import type { Dir } from '../../src/world/disk.ts';
import { createSimCryptography } from '../../src/world/sim/cryptography.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { type FaultPlan, NO_DISK_FAULTS, NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const SEEDS = process.env['SEED'] === undefined ? Number(process.env['SEEDS'] ?? 60) : 1;
const LIVES = 4;

/** A disk that is slow, full now and then, and fails at any operation; what it stores is right. */
const FAULTY: FaultPlan = {
  ...NO_FAULTS,
  disk: {
    ...NO_DISK_FAULTS,
    latencyRate: 0.3,
    latencyMaxMs: 5,
    writeErrorRate: 0.05,
    syncErrorRate: 0.05,
    metadataErrorRate: 0.02,
    shortWriteRate: 0.2,
    shortReadRate: 0.2,
    fullEveryMs: 200,
    fullMaxMs: 50,
  },
};

interface History {
  /** Text of the record, by its sequence, once it was acknowledged. */
  readonly acknowledged: Map<number, string>;
  readonly refused: Set<string>;
  dropped: number;
  copies: number;
}

interface Life {
  readonly history: History;
  readonly dice: Dice;
  readonly ships: boolean;
  readonly vault: MasterKeys;
}

const portsOf = (world: World) => ({ ...world, crypto: createSimCryptography() });

interface At {
  readonly dir: Dir;
  readonly dirPath: string;
}

/** Does it again and again, as a daemon does that waits until its disk works. */
async function insist<T>(world: World, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (failure) {
      assert.ok(
        failure instanceof CausewayError && /^CW_(DISK|AUDIT_UNAV)/.test(failure.code),
        String(failure),
      );
      await world.clock.sleep(20);
    }
  }
}

/** Opens a folder for as long as `use` takes. */
async function within<T>(world: World, dirPath: string, use: (at: At) => Promise<T>): Promise<T> {
  const dir = await insist(world, () => world.disk.openRoot(dirPath));
  try {
    return await use({ dir, dirPath });
  } finally {
    await dir.close();
  }
}

function openLog(world: World, vault: MasterKeys, at: At): Promise<AuditLog> {
  return insist(world, () => AuditLog.open(portsOf(world), vault, at, { segmentMaxBytes: 3_000 }));
}

/** Writes to the log until it is killed, or a while. */
function live(world: World, life: Life): Promise<void> {
  return within(world, '/audit', (audit) =>
    within(world, '/copy', (copy) => write(world, life, audit, copy)),
  );
}

async function write(
  world: World,
  { history, dice, ships, vault }: Life,
  audit: At,
  copy: At,
): Promise<void> {
  const log = await openLog(world, vault, audit);
  assert.equal(log.opening.damage, null, 'nothing that was acknowledged is missed');
  history.dropped += log.opening.dropped === null ? 0 : 1;
  const second = new SecondPlace(log, copy);
  for (let round = 0; round < 25; round += 1) {
    const entries = Array.from({ length: dice.between(1, 6) }, (_, at) => `${round}-${at}-${dice.u32()}`);
    await Promise.all(entries.map((text) => append(log, text, history)));
    if (ships && dice.chance(0.2)) await second.ship().catch(expectDiskFailure);
    await world.clock.sleep(dice.between(0, 400));
  }
  await log.close().catch(expectDiskFailure);
}

function expectDiskFailure(failure: unknown): void {
  assert.ok(failure instanceof CausewayError && failure.code.startsWith('CW_DISK_'), String(failure));
}

async function append(log: AuditLog, text: string, { acknowledged, refused }: History): Promise<void> {
  const actor = { kind: 'user', name: 'ann', address: '' };
  try {
    const sequence = await log.append({ actor, action: 'job.start', resource: text, outcome: 'started' });
    assert.ok(!acknowledged.has(sequence), `sequence ${sequence} was given before`);
    acknowledged.set(sequence, text);
  } catch (failure) {
    assert.ok(failure instanceof CausewayError && failure.code === 'CW_AUDIT_UNAVAILABLE', String(failure));
    refused.add(text);
  }
}

/** Everything that was acknowledged is in the log, in its place, and the log is sound. */
async function check(world: World, vault: MasterKeys, audit: At, { acknowledged }: History): Promise<void> {
  const log = await openLog(world, vault, audit);
  assert.equal(log.opening.damage, null);
  assertSound(await verifyLog(log.place, log.position));
  const found = new Map<number, string>();
  const reader = new LogReader(log.place, log.position);
  for (const segment of await reader.segments()) {
    for (const { record } of (await reader.read(segment, () => true))?.records ?? []) {
      found.set(record.sequence, record.resource);
    }
  }
  for (const [sequence, text] of acknowledged) assert.equal(found.get(sequence), text, `record ${sequence}`);
  assert.equal(found.size, log.position.nextSequence - 1, 'sequences have no gap');
  await log.close();
}

function assertSound(report: AuditVerification): void {
  assert.deepEqual(report.problems, []);
  assert.ok(report.isSound);
}

/** The copy is a sound log by itself, as far as it was made. */
async function checkCopy(world: World, vault: MasterKeys, copy: At): Promise<boolean> {
  const names: string[] = [];
  for await (const entry of copy.dir.list()) names.push(entry.rawName);
  if (!names.includes('keys.json')) return false;
  assertSound(await verifyLog(await openLogPlace(portsOf(world), vault, copy), null));
  return true;
}

interface Trial {
  readonly plan: FaultPlan;
  readonly how: 'kill' | 'power';
  readonly ships: boolean;
}

/** A daemon that is killed several times, at moments that the seed chooses. */
async function run(seed: number, { plan, how, ships }: Trial): Promise<History> {
  const vault = await vaultOf(seed);
  const sim = new Sim(seed, plan);
  const machine = sim.machine('host', { truthfulDisk: true });
  for (const folder of ['/audit', '/copy']) machine.disk.writeTree(folder, {});
  const dice = Dice.fromSeed(seed).fork('trial');
  const history: History = { acknowledged: new Map(), refused: new Set(), dropped: 0, copies: 0 };
  for (let life = 0; life < LIVES; life += 1) {
    const own = dice.fork('life');
    const daemon = machine.spawn('daemon', (world) => live(world, { history, dice: own, ships, vault }));
    sim.killAtOperation(daemon, own.between(1, 500), how);
    await sim.runUntil(() => !daemon.running);
    if (daemon.state === 'failed') throw daemon.failure;
  }
  sim.faults.stop();
  await sim.run(machine, (world) => within(world, '/audit', (at) => check(world, vault, at, history)));
  await sim.run(machine, async (world) => {
    const isCopied = await within(world, '/copy', (at) => checkCopy(world, vault, at));
    history.copies += isCopied ? 1 : 0;
  });
  assert.deepEqual(sim.leaks(), []);
  return history;
}

/** The master keys, which the log has elsewhere. */
async function vaultOf(seed: number): Promise<MasterKeys> {
  const sim = new Sim(seed);
  const machine = sim.machine('elsewhere');
  machine.disk.writeTree('/keys', {});
  const made: MasterKeys[] = [];
  await sim.run(machine, (world) =>
    within(world, '/keys', async ({ dir, dirPath }) => {
      made.push(await MasterKeys.open(portsOf(world), dir, dirPath, 'linux'));
    }),
  );
  return made[0] as MasterKeys;
}

async function runAll(
  trial: Trial,
): Promise<Record<'acknowledged' | 'refused' | 'dropped' | 'copies', number>> {
  const sum = { acknowledged: 0, refused: 0, dropped: 0, copies: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    try {
      const { acknowledged, refused, dropped, copies } = await run(seed, trial);
      sum.copies += copies;
      sum.acknowledged += acknowledged.size;
      sum.refused += refused.size;
      sum.dropped += dropped;
    } catch (failure) {
      throw new Error(`SEED=${seed}: ${(failure as Error).message}`, { cause: failure });
    }
  }
  return sum;
}

describe('an audit log whose daemon is killed again and again', {
  timeout: Math.max(120_000, SEEDS * 2_000),
}, () => {
  it('keeps every acknowledged record when the power fails', async () => {
    const { acknowledged, dropped } = await runAll({ plan: NO_FAULTS, how: 'power', ships: false });
    if (SEEDS > 50)
      assert.ok(acknowledged > 10 * SEEDS && dropped > 0, `${acknowledged} acknowledged, ${dropped} dropped`);
  });

  it('keeps every acknowledged record when the process is killed', async () => {
    await runAll({ plan: NO_FAULTS, how: 'kill', ships: false });
  });

  it('keeps every acknowledged record on a disk that fails, and refuses the others', async () => {
    const { acknowledged, refused } = await runAll({ plan: FAULTY, how: 'power', ships: false });
    if (SEEDS > 50)
      assert.ok(
        acknowledged > 5 * SEEDS && refused > SEEDS,
        `${acknowledged} acknowledged, ${refused} refused`,
      );
  });

  it('leaves a sound copy in the second place', async () => {
    for (const plan of [NO_FAULTS, FAULTY]) {
      const { copies } = await runAll({ plan, how: 'power', ships: true });
      if (SEEDS > 50) assert.ok(copies > SEEDS / 2, `${copies} copies`);
    }
  });
});
