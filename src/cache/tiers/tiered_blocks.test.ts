// Tiers in a simulated world, each on a disk of its own: full, removed, slow, read-only, failing, damaged. SEED=N repeats one
// run, CACHE_RUNS=N makes more of them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { Disk } from '../../world/disk.ts';
import { createSimCryptography } from '../../world/sim/cryptography.ts';
import { Dice } from '../../world/sim/dice.ts';
import { NO_FAULTS } from '../../world/sim/faults.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { BlockStore } from '../store/block_store.ts';
import type { Blocks, FileVersion, StorePlace, TierName } from '../store/store_types.ts';
import { eraseBlocks, placesOf } from './open_blocks.ts';
import { TieredBlocks } from './tiered_blocks.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? Number(process.env['CACHE_RUNS'] ?? 3) : 1;
const BLOCK = 512;
const SLOT = BLOCK + 28;
const BLOCKS_OF: Readonly<Record<TierName, number>> = { hot: 32, warm: 64, cold: 96 };
const TIERS = ['hot', 'warm', 'cold'] as const satisfies readonly TierName[];
const below = (dice: Dice, count: number) => dice.between(0, count - 1);

/** How reads of one disk fare: they come one after the other. */
interface Device {
  readMs: number;
  fails: boolean;
  last: Promise<unknown>;
}

type Devices = Readonly<Record<TierName, Device>>;

const device = (readMs = 0): Device => ({ readMs, fails: false, last: Promise.resolve() });
const devices = (): Devices => ({ hot: device(), warm: device(), cold: device() });

/** The same object, but for some calls. Where it is given to another one, that gets the object itself. */
function like<T extends object>(one: T, own: Partial<Record<keyof T, unknown>>): T {
  const itself = (value: unknown) => (value instanceof Object ? (ORIGINALS.get(value) ?? value) : value);
  const double = new Proxy(one, {
    get: (target, name) => {
      if (name in own) return own[name as keyof T];
      const value = Reflect.get(target, name, target);
      return value instanceof Function
        ? (...args: unknown[]) => value.apply(target, args.map(itself))
        : value;
    },
  });
  ORIGINALS.set(double, one);
  return double;
}
const ORIGINALS = new WeakMap<object, object>();

/** A disk whose folders `/hot`, `/warm` and `/cold` lie on such devices. */
function onDevices(disk: Disk, clock: Pick<Clock, 'sleep'>, those: Devices): Disk {
  const file = <T extends { read: (into: Uint8Array, at: number) => Promise<number> }>(
    one: T,
    of: Device,
  ): T =>
    like(one, {
      read: (into: Uint8Array, at: number) => {
        const read = of.last.then(async () => {
          if (of.readMs > 0) await clock.sleep(of.readMs);
          if (of.fails) throw new CausewayError('CW_DISK_IO', 'blocks: the device gives an error');
          return one.read(into, at);
        });
        of.last = read.catch(() => undefined);
        return read;
      },
    } as Partial<Record<keyof T, unknown>>);
  const dir = (one: Awaited<ReturnType<Disk['openRoot']>>, of: Device): typeof one =>
    like(one, {
      openDir: async (...args: Parameters<typeof one.openDir>) => dir(await one.openDir(...args), of),
      openFile: async (...args: Parameters<typeof one.openFile>) => file(await one.openFile(...args), of),
    });
  return like(disk, {
    openRoot: async (path: string) => dir(await disk.openRoot(path), those[path.slice(1) as TierName]),
  });
}

const PLACE: StorePlace = {
  folder: '/none',
  name: 'cache-1',
  key: new Uint8Array(32).fill(7),
  capacityBytes: 0,
  reserveBytes: 0,
  blockBytes: BLOCK,
};

const capacityOf = (tier: TierName) => BLOCKS_OF[tier] * SLOT + 100;

function open(world: World, those: Devices = devices(), tiers: readonly TierName[] = TIERS) {
  const { clock, random } = world;
  const disk = onDevices(world.disk, clock, those);
  return TieredBlocks.open(
    { clock, random, disk, crypto: createSimCryptography() },
    PLACE,
    tiers.map((tier) => ({ tier, folder: `/${tier}`, capacityBytes: capacityOf(tier) })),
  );
}

/** What a block of a version of a file holds. */
const contentOf = ({ file, version }: FileVersion, block: number) =>
  new Uint8Array(Buffer.alloc(BLOCK, `${file} ${version} ${block}, `));

const fileOf = (number: number, version = 1): FileVersion => ({
  file: `1:2:${number}`,
  version: `v${version}`,
  sizeBytes: 64 * BLOCK,
});

type Machine = ReturnType<Sim['machine']>;

async function inWorld(
  seed: number,
  work: (world: World, machine: Machine, dice: Dice) => Promise<void>,
): Promise<void> {
  const sim = new Sim(seed, NO_FAULTS);
  const machine = sim.machine('m');
  machine.disk.writeTree('/', { hot: {}, warm: {}, cold: {} });
  for (const tier of TIERS) machine.disk.mount(`/${tier}`);
  let failure: unknown = null;
  await sim.run(machine, async (world) => {
    try {
      await work(world, machine, Dice.fromSeed(seed).fork('use'));
    } catch (thrown) {
      failure = thrown;
    }
  });
  if (failure !== null) throw new Error(`SEED=${seed}`, { cause: failure });
}

const all = async (each: (seed: number) => Promise<void>) => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) await each(seed);
};

/** Reads a block, from where it comes from where it is not there; it must be right. Whether it was there. */
async function readOne(store: Blocks, of: FileVersion, block: number): Promise<boolean> {
  const bytes = await store.read(of, block);
  if (bytes === null) store.keep(of, block, contentOf(of, block));
  else assert.ok(Buffer.from(bytes).equals(contentOf(of, block)), `${of.file} ${of.version} ${block}`);
  return bytes !== null;
}

/** Reads at random, some blocks far more often, and drops now and then. How many were there. */
async function use(store: TieredBlocks, machine: Machine, dice: Dice, steps: number): Promise<number> {
  let found = 0;
  for (let step = 0; step < steps; step += 1) {
    const number = below(dice, 4);
    const isHot = dice.chance(0.6);
    const of = fileOf(number, number === 3 && dice.chance(0.1) ? 2 : 1);
    if (dice.chance(0.01)) store.drop(of.file);
    else if (dice.chance(0.1)) await store.settled();
    else if (await readOne(store, of, isHot ? below(dice, 6) : below(dice, 64))) found += 1;
    holdsNoMoreThanItMay(store, machine);
  }
  return found;
}

function holdsNoMoreThanItMay(store: TieredBlocks, machine: Machine): void {
  for (const { tier, residentBytes, capacityBytes } of store.counts.tiers ?? []) {
    assert.ok(residentBytes <= capacityBytes, `${tier} counts ${residentBytes} of ${capacityBytes}`);
    const sizeBytes = machine.disk.stat(`/${tier}/cache-1-${tier}/blocks`)?.sizeBytes ?? 0;
    assert.ok(sizeBytes <= capacityBytes, `${tier} has ${sizeBytes} of ${capacityBytes}`);
  }
}

const tierOf = (store: TieredBlocks, name: TierName) => {
  const found = store.counts.tiers?.find(({ tier }) => tier === name);
  assert.ok(found);
  return found;
};

/** Fills all tiers to their marks with blocks of that many files. */
async function fill(store: TieredBlocks, files: number): Promise<void> {
  for (let number = 0; number < files; number += 1)
    for (let block = 0; block < 64; block += 1) {
      store.keep(fileOf(number), block, contentOf(fileOf(number), block));
      if (block % 16 === 15) await store.settled();
    }
}

describe('a cache with tiers', () => {
  it('brings what is read often to the fastest tier, and loses nothing while there is room', () =>
    inWorld(1, async (world) => {
      const store = await open(world);
      await fill(store, 2);
      const hot = (block: number) => store.read(fileOf(1), 20 + block);
      assert.ok(tierOf(store, 'hot').blocks >= 30 && tierOf(store, 'warm').blocks >= 60);
      assert.equal(tierOf(store, 'hot').limitBytes, tierOf(store, 'hot').capacityBytes);
      for (let round = 0; round < 16; round += 1) {
        for (let block = 0; block < 12; block += 1) assert.ok(await hot(block));
        await store.settled();
        await world.clock.sleep(LIMITS.cacheTierLookMs.value);
      }
      assert.ok(tierOf(store, 'warm').promoted + tierOf(store, 'cold').promoted >= 12);
      assert.ok(tierOf(store, 'hot').demoted >= 10);
      const hits = tierOf(store, 'hot').hits;
      for (let block = 0; block < 12; block += 1) assert.ok(await hot(block));
      assert.equal(tierOf(store, 'hot').hits - hits, 12);
      for (const number of [0, 1])
        for (let block = 0; block < 64; block += 1)
          assert.ok(store.has(fileOf(number), block), `${number} ${block}`);
      assert.equal(store.counts.evicted, 0);
      assert.equal(
        TIERS.reduce((blocks, tier) => blocks + tierOf(store, tier).blocks, 0),
        128,
        'each lies in one tier',
      );
      await store.close();
    }));

  it('has each block in its tier again after a restart', () =>
    inWorld(2, async (world) => {
      const store = await open(world);
      await fill(store, 2);
      const before = TIERS.map((tier) => tierOf(store, tier).blocks);
      await store.close();
      const again = await open(world);
      assert.deepEqual(
        TIERS.map((tier) => tierOf(again, tier).blocks),
        before,
      );
      for (let block = 0; block < 64; block += 1) assert.ok(await readOne(again, fileOf(1), block));
      assert.equal(again.counts.damaged, 0);
      await again.close();
    }));

  it('serves no wrong byte, and holds no more than it may, whatever becomes of the disk of one tier', () =>
    all((seed) =>
      inWorld(seed, async (world, machine, dice) => {
        const those = devices();
        const store = await open(world, those);
        let found = await use(store, machine, dice, 200);
        for (const tier of TIERS) {
          const at = `/${tier}`;
          const free = machine.disk.freeBytes(at);
          const total = free + (machine.disk.stat(`${at}/cache-1-${tier}/blocks`)?.sizeBytes ?? 0);
          const troubles: readonly [() => void, () => void][] = [
            [() => machine.disk.setCapacity(total - free, at), () => machine.disk.setCapacity(2 ** 40, at)],
            [() => machine.disk.setReadOnly(true, at), () => machine.disk.setReadOnly(false, at)],
            [() => machine.disk.removeTree(`${at}/cache-1-${tier}`), () => undefined],
            [
              () => Object.assign(those[tier], { readMs: 900 }),
              () => Object.assign(those[tier], { readMs: 0 }),
            ],
            [
              () => Object.assign(those[tier], { fails: true }),
              () => Object.assign(those[tier], { fails: false }),
            ],
          ];
          for (const [begin, end] of troubles) {
            begin();
            found += await use(store, machine, dice, 60);
            end();
            await world.clock.sleep(70_000);
            found += await use(store, machine, dice, 30);
          }
        }
        assert.ok(found > 500, `${found} were there`);
        await store.close();
      }),
    ));

  it('finds what was changed at 1,000 places of its disks, and fetches that again', () =>
    inWorld(FIRST_SEED, async (world, machine, dice) => {
      const before = await open(world);
      await fill(before, 3);
      await before.close();
      for (let place = 0; place < 1_000; place += 1) {
        const tier = dice.pick(TIERS);
        const at = `/${tier}/cache-1-${tier}/${dice.chance(0.9) ? 'blocks' : 'index'}`;
        machine.disk.flipBit(at, below(dice, machine.disk.stat(at)?.sizeBytes ?? 1), below(dice, 8));
      }
      const store = await open(world);
      for (let round = 0; round < 2; round += 1)
        for (let number = 0; number < 3; number += 1)
          for (let block = 0; block < 64; block += 1) await readOne(store, fileOf(number), block);
      assert.ok(store.counts.damaged > 0);
      await store.close();
    }));

  it('passes a slow tier over, tells since when and why, and uses it again once it is fast', () =>
    inWorld(3, async (world) => {
      const those = devices();
      const store = await open(world, those);
      await fill(store, 1);
      those.warm.readMs = 2_000;
      for (let block = 32; block < 40; block += 1) {
        assert.equal(await store.read(fileOf(0), block), null);
        await world.clock.sleep(3_000 / 4);
      }
      const { state, why, bypassedForMs } = tierOf(store, 'warm');
      assert.equal(state, 'slow');
      assert.match(why ?? '', /longer than 250 ms/);
      assert.ok(bypassedForMs !== null && bypassedForMs > 0);
      assert.equal(tierOf(store, 'hot').state, 'on');
      assert.equal(store.counts.state, 'slow');
      assert.ok(await store.read(fileOf(0), 0), 'the others go on');
      store.keep(fileOf(5), 0, contentOf(fileOf(5), 0));
      assert.ok(store.has(fileOf(5), 0), 'what would go there goes elsewhere');
      those.warm.readMs = 0;
      await world.clock.sleep(200_000);
      assert.ok(await store.read(fileOf(0), 40));
      assert.equal(tierOf(store, 'warm').state, 'on');
      assert.equal(tierOf(store, 'warm').bypassedForMs, null);
      await store.close();
    }));

  it('leaves a slow tier alone for longer from time to time', () =>
    inWorld(4, async (world) => {
      const those = devices();
      const store = await open(world, those, ['warm']);
      await fill(store, 1);
      those.warm.readMs = 1_000;
      let asked = 0;
      for (let second = 0; second < 600; second += 1) {
        if (store.has(fileOf(0), second % 32)) {
          asked += 1;
          assert.equal(await store.read(fileOf(0), second % 32), null);
        }
        await world.clock.sleep(1_000);
      }
      assert.ok(asked > 8 && asked < 40, `it was asked ${asked} times`);
      await store.close();
    }));

  it('says which tier is gone, and leaves nothing behind once it is erased', () =>
    inWorld(5, async (world, machine) => {
      machine.disk.writeTree('/', { elsewhere: {} });
      const store = await TieredBlocks.open({ ...world, crypto: createSimCryptography() }, PLACE, [
        { tier: 'hot', folder: '/nowhere', capacityBytes: capacityOf('hot') },
        { tier: 'cold', folder: '/elsewhere', capacityBytes: capacityOf('cold') },
      ]);
      assert.equal(tierOf(store, 'hot').state, 'gone');
      assert.equal(await readOne(store, fileOf(1), 1), false);
      assert.equal(await readOne(store, fileOf(1), 1), true);
      await store.close();
      const tiers = (['hot', 'cold'] as const).map((tier) => ({
        tier,
        folder: tier === 'hot' ? '/nowhere' : '/elsewhere',
        capacityBytes: 0,
      }));
      await assert.rejects(eraseBlocks(world.disk, placesOf('cache-1', '/none', tiers)));
      assert.deepEqual(
        machine.disk.listAll('/elsewhere').map(({ path }) => path),
        [],
      );
    }));

  it('answers at least 1.6 times as many reads as the slow disk alone, where a third of it is fast', () =>
    inWorld(6, async (world) => {
      const dice = Dice.fromSeed(6);
      const { clock, random } = world;
      const count = 180;
      const those: Devices = { hot: device(0.1), warm: device(8), cold: device(8) };
      const files = [0, 1, 2].map((number) => fileOf(number));
      /** Zipf with exponent 0.9, the ranks spread over the files. */
      const weights = Array.from({ length: count }, (_, rank) => (rank + 1) ** -0.9);
      const sums = weights.map((_, rank) =>
        weights.slice(0, rank + 1).reduce((sum, weight) => sum + weight, 0),
      );
      const whole = sums.at(-1) ?? 0;
      const draw = () => {
        const at = (whole * below(dice, 1_000_000)) / 1_000_000;
        const rank = sums.findIndex((sum) => at < sum);
        return (Math.max(rank, 0) * 77) % count;
      };
      const msFor = async (store: Blocks, reads: number) => {
        const fromMs = clock.monotonicMs();
        for (let read = 0; read < reads; read += 1) {
          const block = draw();
          assert.ok(await readOne(store, files[block % 3] as FileVersion, Math.floor(block / 3)));
        }
        return clock.monotonicMs() - fromMs;
      };
      const begin = async (store: Blocks & { settled(): Promise<void> }) => {
        for (let block = 0; block < count; block += 1) {
          const of = files[block % 3] as FileVersion;
          store.keep(of, Math.floor(block / 3), contentOf(of, Math.floor(block / 3)));
          if (block % 8 === 7) await store.settled();
        }
        await store.settled();
        await msFor(store, 3_000);
        await store.settled();
      };
      const disk = onDevices(world.disk, clock, those);
      const ports = { clock, random, disk, crypto: createSimCryptography() };
      const slow = await BlockStore.open(ports, { ...PLACE, folder: '/cold', capacityBytes: 200 * SLOT });
      await begin(slow);
      const slowMs = await msFor(slow, 1_000);
      await slow.close();
      const tiered = await TieredBlocks.open(ports, PLACE, [
        { tier: 'hot', folder: '/hot', capacityBytes: 60 * SLOT },
        { tier: 'warm', folder: '/warm', capacityBytes: 140 * SLOT },
      ]);
      await begin(tiered);
      const tieredMs = await msFor(tiered, 1_000);
      await tiered.close();
      if (process.env['CACHE_FIGURES'] !== undefined)
        console.log(`${slowMs} ms of the slow disk alone, ${tieredMs} ms in tiers`);
      assert.ok(slowMs / tieredMs >= 1.6, `${slowMs} ms against ${tieredMs} ms`);
    }));
});
