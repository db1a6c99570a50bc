import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { FileRanges } from '../../world/disk_caps.ts';
import { NO_FAULTS } from '../../world/sim/faults.ts';
import { Sim } from '../../world/sim/sim.ts';
import { findHoles, type HoleCheck } from './sparse_map.ts';
import { ZeroRuns } from './zero_runs.ts';

const NAME: Name = parseName('f');
const PAGE = 4096;
const MIB = 1024 * 1024;
const never = new AbortController().signal;

/** Runs `body` with an empty file of the simulated world. */
async function withFile(body: (file: DiskFile) => Promise<void>): Promise<void> {
  const sim = new Sim(1, NO_FAULTS);
  const machine = sim.machine('m');
  machine.disk.writeTree('/d', {});
  await sim.run(machine, async (world) => {
    await using dir = await world.disk.openRoot('/d');
    await using file = await dir.openFile(NAME, 'create');
    await body(file);
  });
}

const search = (check: HoleCheck = 'read') => ({ check, scratch: new Uint8Array(10_000), signal: never });
const pairs = (ranges: Iterable<{ offset: number; lengthBytes: number }>): number[][] =>
  [...ranges].map(({ offset, lengthBytes }) => [offset, lengthBytes]);

/** The same file on a file system that tells other things about its holes. */
function telling(file: DiskFile, ranges: Partial<FileRanges>): DiskFile {
  const caps = { ...file.caps, ranges: { ...(file.caps.ranges as FileRanges), ...ranges } };
  return {
    ...file,
    caps,
    read: (into, offset) => file.read(into, offset),
    stat: () => file.stat(),
  } as DiskFile;
}

test('finds the holes of a file, in the middle and at its end', async () => {
  await withFile(async (file) => {
    await file.write(new Uint8Array(PAGE).fill(1), 0);
    await file.write(new Uint8Array(2 * PAGE).fill(2), MIB);
    await file.truncate(2 * MIB + 5);
    for (const check of ['read', 'probe'] as const) {
      const { holes, distrust } = await findHoles(file, search(check));
      assert.equal(distrust, null);
      assert.deepEqual(pairs(holes), [
        [PAGE, MIB - PAGE],
        [MIB + 2 * PAGE, MIB + 5 - 2 * PAGE],
      ]);
    }
  });
});

test('finds what looking at every byte finds', async (t) => {
  const { seed, random } = seededChance();
  t.diagnostic(`SEED=${seed}`);
  for (let round = 0; round < 10; round += 1) {
    await withFile(async (file) => {
      for (let at = 0; at < 60; at += 1 + Math.floor(random() * 12))
        await file.write(new Uint8Array(1 + Math.floor(random() * 9_000)).fill(1), at * PAGE);
      await file.truncate(Math.floor((60 + random() * 20) * PAGE));
      const runs = new ZeroRuns();
      const bytes = new Uint8Array((await file.stat()).sizeBytes);
      await file.read(bytes, 0);
      runs.push(bytes);
      const { holes } = await findHoles(file, search());
      assert.deepEqual(pairs(holes), pairs(runs.finish()), `SEED=${seed}`);
    });
  }
});

test('a full file and an empty one have no holes and are not searched', async () => {
  await withFile(async (file) => {
    const unasked: Partial<FileRanges> = { seekHole: () => assert.fail('it was searched') };
    assert.deepEqual(pairs((await findHoles(telling(file, unasked), search())).holes), []);
    await file.write(new Uint8Array(9 * PAGE).fill(1), 0);
    assert.deepEqual(pairs((await findHoles(telling(file, unasked), search())).holes), []);
  });
});

test('short holes are data', async () => {
  await withFile(async (file) => {
    await file.write(new Uint8Array(1).fill(1), 0);
    await file.write(new Uint8Array(1).fill(1), 4 * PAGE);
    await file.write(new Uint8Array(1).fill(1), 20 * PAGE);
    assert.deepEqual(pairs((await findHoles(file, search())).holes), [[5 * PAGE, 15 * PAGE]]);
  });
});

test('a file system that tells a hole where data is, is not believed', async () => {
  await withFile(async (file) => {
    await file.write(new Uint8Array(PAGE).fill(1), 0);
    await file.write(new Uint8Array(1).fill(1), MIB + 9 * PAGE);
    await file.truncate(4 * MIB);
    const lying = telling(file, {
      seekHole: async (at) => (at < MIB ? MIB : null),
      seekData: async () => 2 * MIB,
    });
    const { holes, distrust } = await findHoles(lying, search('read'));
    assert.deepEqual(pairs(holes), []);
    assert.match(distrust ?? '', /data was read/);
    const atTheEdge = telling(file, {
      seekHole: async (at) => (at === 0 ? 0 : null),
      seekData: async () => MIB,
    });
    assert.match((await findHoles(atTheEdge, search('probe'))).distrust ?? '', /data was read/);
  });
});

test('answers that contradict each other are not believed', async () => {
  await withFile(async (file) => {
    await file.truncate(4 * MIB);
    for (const ranges of [
      { seekHole: async () => 5 * PAGE, seekData: async () => 5 * PAGE },
      { seekHole: async () => 5 * PAGE, seekData: async () => PAGE },
      {
        seekHole: async (at: number) => Math.max(0, at - PAGE),
        seekData: async (at: number) => at + 8 * PAGE,
      },
    ]) {
      const { holes, distrust } = await findHoles(telling(file, ranges), search());
      assert.equal(holes.count, 0);
      assert.match(distrust ?? '', /contradicts/);
    }
  });
});

test('a file that changes meanwhile has no holes', async () => {
  await withFile(async (file) => {
    await file.truncate(MIB);
    const { seekData } = file.caps.ranges as FileRanges;
    const changing = telling(file, {
      seekData: async (at) => {
        const found = await seekData(at);
        await file.write(Uint8Array.of(1), 500_000); // where nothing probes
        return found;
      },
    });
    const { holes, distrust } = await findHoles(changing, search('probe'));
    assert.equal(holes.count, 0);
    assert.match(distrust ?? '', /changed/);
  });
});

test('a file system without holes, and a world without the capability', async () => {
  await withFile(async (file) => {
    await file.truncate(MIB);
    const none = { ...telling(file, {}), caps: { ...file.caps, ranges: null } } as DiskFile;
    assert.equal((await findHoles(none, search())).holes.count, 0);
  });
});

test('ends when it is cancelled', async () => {
  await withFile(async (file) => {
    await file.truncate(MIB);
    const cancelled = AbortSignal.abort();
    await assert.rejects(findHoles(file, { ...search(), signal: cancelled }), { code: 'CW_CANCELLED' });
  });
});
