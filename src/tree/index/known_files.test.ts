import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { KnownContent } from '../../wire/known_content.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { isSettled, KnownFolder } from './known_files.ts';

const BOUNDS = { files: 16, bytes: 100_000, minFileBytes: 1 };
const content = (inode: number, sizeBytes = 3): KnownContent => ({
  stamp: { sizeBytes, mtimeNs: 5n, ctimeNs: 6n, inode: String(inode), deviceId: '1' },
  settled: true,
  chunkBytes: 1_000,
  chunks: new Uint8Array(Math.ceil(sizeBytes / 1_000) * 32).fill(inode),
  blockBytes: 0,
  blocks: new Uint8Array(0),
});
const folderOf = (world: World, bounds = BOUNDS) =>
  new KnownFolder({ disk: world.disk, dataDirectory: '/data', bounds });

function machine() {
  const sim = new Sim(1);
  const host = sim.machine('host');
  host.disk.writeTree('/data', {});
  const records = () =>
    host.disk.listAll('/data/known').filter(({ path }) => path.startsWith('/data/known/'));
  return { sim, host, records, run: (work: (world: World) => Promise<void>) => sim.run(host, work) };
}

test('what was remembered of a file is found while all five attributes are the same', async () => {
  const { run } = machine();
  await run(async (world) => {
    await folderOf(world).remember(content(7));
    const known = folderOf(world); // another process
    const { stamp } = content(7);
    assert.deepEqual(await known.find(stamp), content(7));
    assert.equal(await known.find({ ...stamp, sizeBytes: 4 }), null);
    assert.equal(await known.find({ ...stamp, mtimeNs: 4n }), null);
    assert.equal(await known.find({ ...stamp, ctimeNs: 7n }), null);
    assert.equal(await known.find({ ...stamp, inode: '8' }), null);
    assert.equal(await known.find({ ...stamp, deviceId: '2' }), null);
    await known.forget(stamp);
    assert.equal(await known.find(stamp), null);
    await known.forget(stamp);
  });
});

test('records are bounded in number and in bytes, and those that came first go first', async () => {
  const { run, records } = machine();
  await run(async (world) => {
    const known = folderOf(world);
    for (let inode = 1; inode <= 50; inode += 1) {
      await known.remember(content(inode));
      await world.clock.sleep(10);
    }
    assert.ok(records().length <= BOUNDS.files);
    assert.equal(await known.find(content(1).stamp), null);
    assert.deepEqual(await known.find(content(50).stamp), content(50));
    const few = folderOf(world, { ...BOUNDS, bytes: 5_000 });
    for (let inode = 60; inode < 66; inode += 1) {
      await few.remember(content(inode, 40_000));
      await world.clock.sleep(10);
    }
    assert.ok(records().length <= 4, `${records().length} records of 1,300 bytes and more`);
    assert.deepEqual(await few.find(content(65, 40_000).stamp), content(65, 40_000));
  });
});

test('a damaged record, and one that a crash left unfinished, are as none and no hindrance', async () => {
  const { run, host, records } = machine();
  await run(async (world) => {
    const known = folderOf(world);
    await known.remember(content(7));
    const [record] = records();
    host.disk.flipBit(record!.path, 40);
    assert.equal(await known.find(content(7).stamp), null);
    host.disk.writeFile('/data/known/unfinished', 'half of a rec');
    await known.remember(content(7));
    assert.deepEqual(await known.find(content(7).stamp), content(7));
    assert.equal(records().length, 1);
  });
});

test('a folder that cannot be used remembers nothing and fails nobody', async () => {
  const { run, host } = machine();
  host.disk.setReadOnly(true);
  await run(async (world) => {
    const known = folderOf(world);
    await known.remember(content(7));
    await known.forget(content(7).stamp);
    assert.equal(await known.find(content(7).stamp), null);
    const nowhere = new KnownFolder({ disk: world.disk, dataDirectory: '/gone', bounds: BOUNDS });
    await nowhere.remember(content(7));
    assert.equal(await nowhere.find(content(7).stamp), null);
  });
});

test('a file is settled once its modification time lies further back than a clock of a file system steps', () => {
  const margin = LIMITS.knownRacyMarginMs.value;
  const stamp = { ...content(1).stamp, mtimeNs: 10_000_000_000n };
  assert.equal(isSettled(stamp, 10_000 + margin), true);
  assert.equal(isSettled(stamp, 10_000 + margin - 1), false);
});
