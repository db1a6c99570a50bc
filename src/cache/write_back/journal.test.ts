// The journal in a simulated world: power cuts with torn and lost writes, damage, disks that are full or fail. SEED=N repeats
// one run.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CausewayError, ErrorCode } from '../../base/errors.ts';
import { plant } from '../../base/fault_points.ts';
import { createSimCryptography } from '../../world/sim/cryptography.ts';
import { Dice } from '../../world/sim/dice.ts';
import { type DiskFaults, NO_DISK_FAULTS, NO_FAULTS } from '../../world/sim/faults.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { Journal, type JournalPlace } from './journal.ts';
import type { RecordPlace } from './layer.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? 40 : 1;
const PLACE: JournalPlace = {
  folder: '/d',
  name: 'journal-1',
  key: new Uint8Array(32).fill(3),
  segmentBytes: 20_000,
  reserveBytes: 0,
};
const bytesOf = (number: number) =>
  new Uint8Array(Buffer.alloc(1 + ((number * 997) % 9_000), `secret ${number} `));
const code =
  (expected: ErrorCode) =>
  ({ code }: CausewayError) =>
    code === expected;

interface Seen {
  readonly journal: Journal;
  readonly state: unknown[];
  readonly records: { readonly number: number; readonly place: RecordPlace }[];
  readonly cutBytes: number;
}

async function open(world: World, more: Partial<JournalPlace> = {}): Promise<Seen> {
  const state: unknown[] = [];
  const records: { number: number; place: RecordPlace }[] = [];
  const { journal, found } = await Journal.open(
    { random: world.random, disk: world.disk, crypto: createSimCryptography() },
    { ...PLACE, ...more },
    {
      state: (items) => state.push(...items),
      record: (head, place) => records.push({ number: head as number, place }),
    },
  );
  return { journal, state, records, cutBytes: found?.cutBytes ?? 0 };
}

const add = (journal: Journal, number: number) => journal.append(number, bytesOf(number), false);

function machineOf(seed: number, faults: Partial<DiskFaults> = {}) {
  const sim = new Sim(seed, { ...NO_FAULTS, disk: { ...NO_DISK_FAULTS, ...faults } });
  const machine = sim.machine('m');
  machine.disk.writeTree('/d', {});
  return { sim, machine };
}

/** Appends at random in lives that power cuts end; what is stable must be there in the next one, and no gap before the end. */
async function survive(seed: number): Promise<void> {
  const { sim, machine } = machineOf(seed);
  const dice = Dice.fromSeed(seed).fork('lives');
  let [appended, stable] = [0, 0];
  for (let life = 0; life < 6; life += 1) {
    const process = machine.spawn('writer', async (world) => {
      const { journal, state, records } = await open(world);
      const numbers = [...(state as number[]), ...records.map(({ number }) => number)];
      assert.deepEqual(numbers, [...numbers.keys()], 'a prefix of what was appended');
      assert.ok(
        numbers.length >= stable && numbers.length <= appended + 1,
        `${stable} ${numbers.length} ${appended}`,
      );
      for (const { number, place } of records)
        assert.deepEqual(Buffer.from((await journal.read(place)) ?? []), Buffer.from(bytesOf(number)));
      appended = numbers.length;
      await journal.rotate(numbers);
      await journal.trim(new Set());
      stable = numbers.length;
      for (;;) {
        if (journal.isFull) {
          await journal.rotate([...Array(appended).keys()]);
          stable = appended;
        }
        await add(journal, appended);
        appended += 1;
        if (dice.between(0, 5) > 0) continue;
        const covered = appended;
        await journal.sync();
        stable = Math.max(stable, covered);
      }
    });
    sim.killAtOperation(process, dice.between(5, 120), 'power');
    await sim.runUntil(() => !process.running);
    if (process.failure !== null) throw new Error(`SEED=${seed} life ${life}`, { cause: process.failure });
  }
}

describe('a write-back journal', () => {
  it('keeps what is stable through power cuts, and a prefix of the rest', async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) await survive(seed);
  });

  it('would be found out if it told of flushes that were none', async () => {
    const pull = plant('write-back-early-acknowledge');
    try {
      await assert.rejects(async () => {
        for (let seed = FIRST_SEED; seed < FIRST_SEED + 40; seed += 1) await survive(seed);
      }, /SEED=/);
    } finally {
      pull();
    }
  });

  it('gives back what was appended, also from segments before, until they are trimmed', async () => {
    const { sim, machine } = machineOf(1);
    await sim.run(machine, async (world) => {
      const { journal } = await open(world);
      await journal.rotate([]);
      const [first, second] = [await add(journal, 1), await add(journal, 2)];
      await journal.rotate(['a', 'b']);
      const third = await add(journal, 3);
      assert.deepEqual(await journal.read(second), bytesOf(2));
      await journal.trim(new Set([first.segment]));
      assert.deepEqual(await journal.read(first), bytesOf(1));
      await journal.trim(new Set());
      assert.equal(await journal.read(first), null);
      assert.deepEqual(await journal.read(third), bytesOf(3));
      await journal.close();
      const again = await open(world);
      assert.deepEqual(again.state, ['a', 'b']);
      assert.deepEqual(
        again.records.map(({ number }) => number),
        [3],
      );
      await again.journal.close();
    });
    assert.deepEqual(sim.leaks(), []);
    for (const { path } of machine.disk.listAll('/d'))
      assert.ok(!Buffer.from(machine.disk.readFile(path) ?? []).includes('secret'), path);
  });

  it('ends at a record that is damaged, gives none of it, and refuses where its state is', async () => {
    const { sim, machine } = machineOf(2);
    const file = '/d/journal-1/segment-0000000001';
    await sim.run(machine, async (world) => {
      const { journal } = await open(world);
      await journal.rotate(['state']);
      for (const number of [1, 2, 3]) await add(journal, number);
      const { sizeBytes } = machine.disk.stat(file) as { sizeBytes: number };
      machine.disk.flipBit(file, sizeBytes - bytesOf(3).byteLength - 200);
      await journal.close();
      const again = await open(world);
      assert.deepEqual(
        again.records.map(({ number }) => number),
        [1],
      );
      assert.ok(again.cutBytes > bytesOf(3).byteLength);
      machine.disk.flipBit(file, again.records[0]!.place.at + 50);
      await assert.rejects(again.journal.read(again.records[0]!.place), code('CW_CACHE_JOURNAL'));
      await again.journal.close();
      await assert.rejects(open(world, { key: new Uint8Array(32) }), code('CW_CACHE_JOURNAL'));
      machine.disk.flipBit(file, 100);
      await assert.rejects(open(world), code('CW_CACHE_JOURNAL'));
    });
    assert.deepEqual(sim.leaks(), []);
  });

  it('appends nothing of what the disk has no room for, keeps a reserve, and goes on when there is room', async () => {
    const { sim, machine } = machineOf(3);
    await sim.run(machine, async (world) => {
      const free = machine.disk.freeBytes();
      const { journal } = await open(world, { reserveBytes: free / 2 });
      await journal.rotate([]);
      await add(journal, 1);
      machine.disk.setFull(true);
      await assert.rejects(journal.append(2, bytesOf(9), true), code('CW_DISK_FULL'));
      machine.disk.setFull(false);
      await add(journal, 2);
      machine.disk.setCapacity(free / 2);
      const big = new Uint8Array(900_000);
      await assert.rejects(async () => {
        for (let i = 0; i < 6; i += 1) await journal.append(3, big, false);
      }, code('CW_DISK_FULL'));
      await journal.append(4, bytesOf(4), true);
      await journal.close();
      const numbers = (await open(world)).records.map(({ number }) => number);
      assert.deepEqual([numbers.slice(0, 2), numbers.at(-1)], [[1, 2], 4]);
    });
  });

  it('takes nothing more after a flush that failed, until it begins anew', async () => {
    const { sim, machine } = machineOf(4, { syncErrorRate: 0.3 });
    await sim.run(machine, async (world) => {
      const { journal } = await open(world);
      const insist = async (work: () => Promise<unknown>) => {
        for (let i = 0; i < 50; i += 1)
          if (
            await work().then(
              () => true,
              () => false,
            )
          )
            return;
        assert.fail('it never worked');
      };
      await insist(() => journal.rotate([]));
      for (let i = 0; !journal.isBroken; i += 1) {
        await add(journal, i);
        await journal.sync().catch(() => undefined);
      }
      await assert.rejects(add(journal, 1), code('CW_DISK_IO'));
      await insist(() => journal.rotate([]));
      await add(journal, 1);
      await journal.close();
    });
  });
});
