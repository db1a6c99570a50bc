import assert from 'node:assert/strict';
import { it } from 'node:test';
import { concat } from '../base/bytes.ts';
import { hashAt, hashBytes } from '../base/hash.ts';
import { parseName } from '../base/path.ts';
import type { DiskFile } from '../world/disk.ts';
import type { JobContext } from '../world/offload.ts';
import { RUN_FRAMES } from '../world/run_frames.ts';
import { Sim } from '../world/sim/sim.ts';
import type { World } from '../world/world.ts';
import { readChunksJob, writeChunksJob } from './chunk_run_jobs.ts';

const CHUNK = 64 * 1024;
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

const chunkOf = (value: number, sizeBytes = CHUNK) => new Uint8Array(sizeBytes).fill(value);
const places = (sizes: readonly number[]) => sizes.map((sizeBytes) => new Uint8Array(sizeBytes).fill(99));

it('writes chunks one behind the other, all but the one that does not have its hash', () =>
  withFile(async (file) => {
    const data = [chunkOf(1), chunkOf(2), chunkOf(3, 100)];
    const hashes = concat([data[0]!, chunkOf(7), data[2]!].map(hashBytes));
    const args = { file, data, offset: CHUNK, hashes, dense: false, endsFile: true };
    const { written } = await writeChunksJob.run(args, context);
    assert.deepEqual([...written], [1, 0, 1]);
    assert.equal((await file.stat()).sizeBytes, 3 * CHUNK + 100);
    const into = places([CHUNK, CHUNK, CHUNK, 100]);
    const read = await readChunksJob.run(
      { file, into, offset: 0, holes: false, forget: false, blocks: null },
      context,
    );
    assert.equal(read.count, 4);
    assert.deepEqual(into, [chunkOf(0), data[0], chunkOf(0), data[2]]);
    assert.deepEqual([...read.zeros], [1, 0, 1, 0]);
    assert.deepEqual(hashAt(read.hashes, 3), hashBytes(data[2]!));
  }));

it('tells how many chunks of a run were there in whole where the file ends before', () =>
  withFile(async (file) => {
    await file.write(chunkOf(5, 2 * CHUNK - 1), 0);
    const args = {
      file,
      into: places([CHUNK, CHUNK, CHUNK]),
      offset: 0,
      holes: false,
      forget: false,
      blocks: null,
    };
    const read = await readChunksJob.run(args, context);
    assert.equal(read.count, 1);
    assert.deepEqual(hashAt(read.hashes, 0), hashBytes(chunkOf(5)));
  }));

it('makes holes of zeros, also at the end, and ends the file where its last chunk does', () =>
  withFile(async (file) => {
    const data = [chunkOf(4), chunkOf(0), chunkOf(0)];
    await writeChunksJob.run({ file, data, offset: 0, hashes: null, dense: false, endsFile: true }, context);
    assert.equal((await file.stat()).sizeBytes, 3 * CHUNK);
    const into = places([CHUNK, CHUNK, CHUNK]);
    await readChunksJob.run({ file, into, offset: 0, holes: false, forget: false, blocks: null }, context);
    assert.deepEqual(into, data);
  }));
