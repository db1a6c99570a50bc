// The store in a simulated world: power cuts, torn writes, damage, full, read-only and failing disks. SEED=N repeats one
// run, CACHE_RUNS=N makes more of them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CausewayError } from '../../base/errors.ts';
import { parseName } from '../../base/path.ts';
import { createSimCryptography } from '../../world/sim/cryptography.ts';
import { Dice } from '../../world/sim/dice.ts';
import { type DiskFaults, NO_DISK_FAULTS, NO_FAULTS } from '../../world/sim/faults.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { BlockStore } from './block_store.ts';
import type { FileVersion, StorePlace } from './store_types.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? Number(process.env['CACHE_RUNS'] ?? 4) : 1;
const BLOCK = 512;
const CAPACITY = 24 * BLOCK;
const KEY = new Uint8Array(32).fill(7);
const below = (dice: Dice, count: number) => dice.between(0, count - 1);
const LEFT = ['blocks', 'index'];

function open(world: World, more: Partial<StorePlace> = {}) {
  return BlockStore.open(
    { clock: world.clock, random: world.random, disk: world.disk, crypto: createSimCryptography() },
    {
      folder: '/d',
      name: 'cache-1',
      key: KEY,
      capacityBytes: CAPACITY,
      reserveBytes: 0,
      blockBytes: BLOCK,
      ...more,
    },
  );
}

/** What a block of a version of a file holds. */
function contentOf({ file, version, sizeBytes }: FileVersion, block: number): Uint8Array {
  const size = Math.min(BLOCK, sizeBytes - block * BLOCK);
  return new Uint8Array(Buffer.alloc(size, `${file} ${version} ${block}, `));
}

const fileOf = (number: number, version: number, blocks: number): FileVersion => ({
  file: `1:2:${number}`,
  version: `v${version}-${blocks}`,
  sizeBytes: blocks * BLOCK - (number % 2) * 100,
});

/** Keeps, reads and drops at random; each block that is read must be right. How many were there. */
async function use(store: BlockStore, dice: Dice, steps: number): Promise<number> {
  let found = 0;
  for (let step = 0; step < steps; step += 1) {
    const of = fileOf(below(dice, 5), below(dice, 8) === 0 ? 2 : 1, 1 + (below(dice, 5) % 3) * 3);
    const blocks = Math.ceil(of.sizeBytes / BLOCK);
    const block = below(dice, blocks);
    const choice = below(dice, 20);
    if (choice === 0) store.drop(of.file);
    else if (choice < 3) await store.settled();
    else {
      const bytes = await store.read(of, block);
      if (bytes === null) store.keep(of, block, contentOf(of, block));
      else {
        found += 1;
        assert.deepEqual(
          Buffer.from(bytes),
          Buffer.from(contentOf(of, block)),
          `${of.file} ${of.version} ${block}`,
        );
      }
    }
    const { residentBytes, capacityBytes } = store.counts;
    assert.ok(residentBytes <= capacityBytes, 'it holds no more than it may');
  }
  return found;
}

async function inWorld(
  seed: number,
  faults: Partial<DiskFaults>,
  work: (world: World, machine: ReturnType<Sim['machine']>, dice: Dice) => Promise<void>,
): Promise<void> {
  const sim = new Sim(seed, { ...NO_FAULTS, disk: { ...NO_DISK_FAULTS, ...faults } });
  const machine = sim.machine('m');
  machine.disk.writeTree('/d', {});
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

describe('a block store', () => {
  it('gives what was kept, after a restart too, and nothing to another version, block or key', () =>
    inWorld(1, {}, async (world) => {
      const [one, two] = [fileOf(1, 1, 3), fileOf(1, 2, 3)];
      const store = await open(world);
      for (const block of [0, 1, 2]) store.keep(one, block, contentOf(one, block));
      await store.settled();
      assert.deepEqual(await store.read(one, 2), contentOf(one, 2));
      await store.close();
      const again = await open(world);
      assert.equal(again.counts.files, 1);
      for (const block of [0, 1, 2]) assert.deepEqual(await again.read(one, block), contentOf(one, block));
      assert.equal(again.counts.damaged, 0);
      assert.equal(await again.read(two, 0), null);
      assert.equal(again.counts.files, 0, 'what is out of date has left');
      again.keep(two, 0, contentOf(two, 0));
      await again.close();
      const other = await open(world, { key: KEY.map((byte) => byte + 1) });
      assert.equal(await other.read(two, 0), null);
      assert.equal(other.counts.damaged, 1);
      await other.close();
    }));

  it('keeps no more than it may, and what is used', () =>
    inWorld(2, {}, async (world, machine) => {
      const store = await open(world);
      const big = { ...fileOf(2, 1, 1), sizeBytes: 100 * BLOCK };
      for (let block = 0; block < 100; block += 1) {
        store.keep(big, block, contentOf(big, block));
        if (block % 8 === 0) await store.settled();
        if (block > 0) await store.read(big, 0);
        const { residentBytes } = store.counts;
        assert.ok(
          residentBytes <= CAPACITY && (machine.disk.stat('/d/cache-1/blocks')?.sizeBytes ?? 0) <= CAPACITY,
        );
      }
      await store.settled();
      assert.ok(store.counts.evicted > 60);
      assert.ok(store.has(big, 0));
      await store.close();
    }));

  it('serves no wrong byte after a power cut at any point, with torn writes', async () => {
    let found = 0;
    await all(async (seed) => {
      const sim = new Sim(seed, NO_FAULTS);
      const machine = sim.machine('m');
      machine.disk.writeTree('/d', {});
      for (let life = 0; life < 5; life += 1) {
        const dice = Dice.fromSeed(seed).fork(`life ${life}`);
        let failure: unknown = null;
        await sim.run(machine, async (world) => {
          const store = await open(world);
          try {
            found += await use(store, dice, 10 + below(dice, 150));
          } catch (thrown) {
            failure = thrown;
          }
        });
        if (failure !== null) throw new Error(`SEED=${seed}`, { cause: failure });
        machine.powerCut();
      }
    });
    assert.ok(found > 0);
  });

  it('finds each bit that was changed on its disk, counts it, and goes on', () =>
    all((seed) =>
      inWorld(seed, {}, async (world, machine, dice) => {
        let store = await open(world);
        for (let round = 0; round < 12; round += 1) {
          await use(store, dice, 60);
          await store.close();
          const at = `/d/cache-1/${LEFT[below(dice, LEFT.length)]}`;
          const sizeBytes = machine.disk.stat(at)?.sizeBytes ?? 0;
          if (sizeBytes > 0) machine.disk.flipBit(at, below(dice, sizeBytes), below(dice, 8));
          store = await open(world);
        }
        await store.close();
      }),
    ));

  it('goes without a disk that fails, is full, read-only or too slow, and uses it again when it can', () =>
    all((seed) =>
      inWorld(
        seed,
        {
          readErrorRate: 0.03,
          writeErrorRate: 0.03,
          metadataErrorRate: 0.03,
          shortReadRate: 0.2,
          shortWriteRate: 0.2,
          slowRate: 0.02,
          readFlipRate: 0.02,
          storedFlipRate: 0.02,
        },
        async (world, machine, dice) => {
          const store = await open(world);
          await use(store, dice, 150);
          machine.disk.setFull(true);
          await use(store, dice, 60);
          machine.disk.setFull(false);
          machine.disk.setReadOnly(true);
          await use(store, dice, 60);
          machine.disk.setReadOnly(false);
          machine.disk.removeTree('/d/cache-1');
          await use(store, dice, 60);
          machine.disk.heal();
          await world.clock.sleep(200_000);
          await use(store, dice, 40);
          await store.close();
        },
      ),
    ));

  it('says what is wrong with its disk, and that it is well again', () =>
    inWorld(3, {}, async (world, machine) => {
      const store = await open(world);
      const of = fileOf(2, 1, 3);
      const keep = async (block: number) => {
        store.keep(of, block, contentOf(of, block));
        await store.settled();
      };
      await keep(0);
      machine.disk.setReadOnly(true);
      await keep(1);
      assert.equal(store.counts.state, 'read-only');
      assert.deepEqual(await store.read(of, 0), contentOf(of, 0));
      machine.disk.setReadOnly(false);
      await world.clock.sleep(120_000);
      await keep(1);
      assert.equal(store.counts.state, 'on');
      assert.deepEqual(await store.read(of, 1), contentOf(of, 1));
      await store.close();
    }));

  it('has all of its room again after many blocks that could not be written', () =>
    inWorld(5, {}, async (world, machine) => {
      const store = await open(world);
      const [tried, kept] = [fileOf(2, 1, 12), fileOf(4, 1, 12)];
      machine.disk.setReadOnly(true);
      for (let round = 0; round < 8; round += 1) {
        for (let block = 0; block < 12; block += 1) store.keep(tried, block, contentOf(tried, block));
        await store.settled();
        await world.clock.sleep(120_000); // it is tried again after a pause
      }
      assert.equal(store.counts.residentBytes, 0);
      machine.disk.setReadOnly(false);
      for (let block = 0; block < 12; block += 1) store.keep(kept, block, contentOf(kept, block));
      await store.settled();
      for (let block = 0; block < 12; block += 1)
        assert.deepEqual(await store.read(kept, block), contentOf(kept, block), `block ${block}`);
      await store.close();
    }));

  it('leaves free what is to stay free, and gives back what others need', () =>
    inWorld(4, {}, async (world, machine) => {
      const free = machine.disk.freeBytes();
      const room = 64 * 1024;
      const store = await open(world, { reserveBytes: free - room, capacityBytes: 4 * room });
      const big = { ...fileOf(2, 1, 1), sizeBytes: 300 * BLOCK };
      const heldBytes = () => machine.disk.stat('/d/cache-1/blocks')?.sizeBytes ?? 0;
      for (let block = 0; block < 300; block += 1) {
        store.keep(big, block, contentOf(big, block));
        await store.settled();
      }
      assert.ok(heldBytes() > room / 2 && heldBytes() <= room, `${heldBytes()}`);
      machine.disk.setCapacity(free - room / 2);
      await world.clock.sleep(10_000);
      store.keep(big, 0, contentOf(big, 0));
      await store.settled();
      assert.ok(heldBytes() <= room / 2, `${heldBytes()}`);
      await store.close();
    }));

  it('leaves nothing behind once it is erased', () =>
    inWorld(5, {}, async (world) => {
      const store = await open(world);
      const of = fileOf(2, 1, 3);
      store.keep(of, 0, contentOf(of, 0));
      await store.close();
      await BlockStore.erase(world.disk, '/d', 'cache-1');
      await BlockStore.erase(world.disk, '/d', 'cache-1');
      const dir = await world.disk.openRoot('/d');
      await assert.rejects(
        dir.stat(parseName('cache-1')),
        ({ code }: CausewayError) => code === 'CW_DISK_NOT_FOUND',
      );
      await dir.close();
    }));
});
