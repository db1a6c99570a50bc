import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../test/fixtures/seeded_chance.ts';
import { CausewayError } from '../base/errors.ts';
import { parseName } from '../base/path.ts';
import type { DiskFile } from '../world/disk.ts';
import type { FileRanges } from '../world/disk_caps.ts';
import type { JobContext } from '../world/offload.ts';
import { RUN_FRAMES } from '../world/run_frames.ts';
import { Sim } from '../world/sim/sim.ts';
import type { World } from '../world/world.ts';
import { isProbedHole, knowsHoles } from './sparse_read.ts';
import { endWithZeros, leaveZeros, writeSparsely } from './sparse_write.ts';

const KIB = 1024;
const context: JobContext = {
  clock: { monotonicMs: () => 0 },
  scratch: (sizeBytes) => new Uint8Array(sizeBytes),
  whole: null,
  folders: null,
  sender: null,
  aead: null,
  frames: RUN_FRAMES,
  moved: () => undefined,
};
const unheard = () => undefined;

/** Runs `body` with an empty file of a simulated disk. */
async function withFile(body: (file: DiskFile) => Promise<void>): Promise<void> {
  const sim = new Sim(1);
  const machine = sim.machine('host', { truthfulDisk: true });
  machine.disk.writeTree('/work', {});
  let failure: unknown = 'it did not run';
  let isDone = false;
  const process = machine.supervise('test', async (world: World) => {
    try {
      await using root = await world.disk.openRoot('/work');
      await using file = await root.openFile(parseName('file'), 'create');
      await body(file);
      failure = null;
    } catch (thrown) {
      failure = thrown;
    }
    isDone = true;
  });
  await sim.runUntil(() => isDone, { maxVirtualMs: 60_000 });
  process.stop();
  if (failure !== null) throw failure;
}

/** The same file on a file system that refuses what has to do with holes, or has no such calls. */
function without(file: DiskFile, how: 'calls' | 'holes'): DiskFile {
  const refuse = () => Promise.reject(new CausewayError('CW_UNSUPPORTED', 'no holes here'));
  const refusing: FileRanges = {
    seekData: async (at) => at,
    seekHole: refuse,
    punchHole: refuse,
    allocate: refuse,
  };
  const caps = { ...file.caps, ranges: how === 'calls' ? null : refusing };
  return {
    caps,
    read: (into, offset) => file.read(into, offset),
    write: (bytes, offset) => file.write(bytes, offset),
    stat: () => file.stat(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    datasync: () => file.datasync(),
    setAttrs: (patch) => file.setAttrs(patch),
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function contentOf(file: DiskFile): Promise<Uint8Array> {
  const bytes = new Uint8Array((await file.stat()).sizeBytes);
  for (let at = 0; at < bytes.byteLength; ) at += await file.read(bytes.subarray(at), at);
  return bytes;
}

for (const way of ['holes', 'calls', 'as it is'] as const) {
  test(`what is written with zeros left out reads as it should, over old data too (without: ${way})`, async (t) => {
    const { seed, random } = seededChance();
    t.diagnostic(`SEED=${seed}`);
    for (let round = 0; round < 12; round += 1) {
      await withFile(async (plain) => {
        const file = way === 'as it is' ? plain : without(plain, way);
        const sizeBytes = 96 * KIB + Math.floor(random() * 64 * KIB);
        const wanted = new Uint8Array(sizeBytes);
        for (let at = 0; at < sizeBytes; at += 4 * KIB)
          if (random() < 0.3) wanted.fill(1 + (at % 251), at, at + Math.ceil(random() * 4 * KIB));
        const old = new Uint8Array(Math.floor(random() * 2 * sizeBytes)).fill(255);
        if (round % 2 === 1 && old.byteLength > 0) await plain.write(old, 0);
        const cut = 64 * KIB;
        // the later part first, as lanes may do
        await writeSparsely(
          { file, data: wanted.subarray(cut), offset: cut, endsFile: true },
          context,
          unheard,
        );
        await writeSparsely(
          { file, data: wanted.subarray(0, cut), offset: 0, endsFile: false },
          context,
          unheard,
        );
        const content = await contentOf(plain);
        assert.ok(content.byteLength >= sizeBytes, `SEED=${seed}`);
        assert.deepEqual(content.subarray(0, sizeBytes), wanted, `SEED=${seed} round ${round}`);
      });
    }
  });

  test(`zeros need no place, and replace what is there (without: ${way})`, async () => {
    await withFile(async (plain) => {
      const file = way === 'as it is' ? plain : without(plain, way);
      await plain.write(new Uint8Array(100 * KIB).fill(7), 0);
      await leaveZeros({ file, offset: 64 * KIB, lengthBytes: 64 * KIB }, context);
      assert.equal((await plain.stat()).sizeBytes, 100 * KIB, 'what lies behind the end stays there');
      await endWithZeros({ file, offset: 128 * KIB, lengthBytes: 64 * KIB }, context);
      const wanted = new Uint8Array(192 * KIB).fill(7, 0, 64 * KIB);
      assert.deepEqual(await contentOf(plain), wanted);
      if (way === 'as it is') assert.ok((await plain.stat()).allocatedBytes <= 68 * KIB);
    });
  });
}

test('a hole counts once it was probed', async () => {
  await withFile(async (file) => {
    await file.write(Uint8Array.of(1), 300 * KIB);
    const hole = { offset: 0, lengthBytes: 256 * KIB };
    assert.equal(await isProbedHole({ file, ...hole }, context), true);
    assert.equal(await isProbedHole({ file, offset: 0, lengthBytes: 301 * KIB }, context), false, 'data');
    assert.equal(
      await isProbedHole({ file, offset: 320 * KIB, lengthBytes: KIB }, context),
      false,
      'the end',
    );
    assert.equal(await isProbedHole({ file: without(file, 'calls'), ...hole }, context), false);
    for (const at of [0, 128 * KIB, 256 * KIB - 1]) {
      const lying = Object.assign(without(file, 'calls'), {
        caps: { ...file.caps, ranges: { ...file.caps.ranges, seekData: async () => null } },
      });
      await file.write(Uint8Array.of(1), at);
      assert.equal(await isProbedHole({ file: lying, ...hole }, context), false, `data at ${at}`);
      await file.write(Uint8Array.of(0), at);
    }
  });
  assert.deepEqual(
    ['ext4', 'zfs', 'fuse', 'nfs'].map((fileSystem) => knowsHoles({ fileSystem })),
    [true, false, false, false],
  );
});
