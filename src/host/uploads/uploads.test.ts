import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { Uploads } from './uploads.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const MIB = 1024 ** 2;
const CAPACITY = LIMITS.uploadSpareBytes.value + 8 * MIB;
const NO_JOBS = { watchAll: () => () => undefined, uploadsInUse: async () => new Set<string>() };

type Machine = ReturnType<Sim['machine']>;

async function onDisk(
  body: (uploads: Uploads, machine: Machine, world: World) => Promise<void>,
): Promise<void> {
  const sim = new Sim(SEED);
  const machine = sim.machine('m', { capacityBytes: CAPACITY });
  machine.disk.writeTree('/data', {});
  await sim.run(machine, async (world) => {
    await using dir = await world.disk.openRoot('/data');
    await using uploads = await Uploads.open(world, dir, '/data');
    uploads.begin(NO_JOBS);
    await body(uploads, machine, world);
  });
}

const wish = (bytes: number, files = 1) => ({ vms: ['dev'], destination: '/x/', files, bytes });
const staged = (machine: Machine) => machine.disk.listAll('/data/uploads').map(({ path }) => path);

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield new Uint8Array(MIB).fill(1);
}

const codeIs = (code: string) => (failure: unknown) =>
  failure instanceof CausewayError && failure.code === code;

describe('uploads on a disk that fills up', () => {
  it('are refused before they begin, with what others were promised', async () => {
    await onDisk(async (uploads) => {
      await assert.rejects(uploads.create('ann', wish(9 * MIB)), codeIs('CW_DISK_FULL'));
      const { id } = await uploads.create('ann', wish(5 * MIB));
      await assert.rejects(uploads.create('bob', wish(5 * MIB)), codeIs('CW_DISK_FULL'));
      await uploads.remove('ann', id);
      await uploads.create('bob', wish(5 * MIB));
    });
  });

  it('are gone at once where they do not fit any more', async () => {
    await onDisk(async (uploads, machine) => {
      const { id } = await uploads.create('ann', wish(6 * MIB, 2));
      const file = (path: string, count: number) => ({ path, mtimeMs: null, body: pieces(count) });
      await uploads.write('ann', id, file('a/first', 1));
      machine.disk.setCapacity(CAPACITY - machine.disk.freeBytes() + 2 * MIB);
      await assert.rejects(uploads.write('ann', id, file('a/second', 5)), codeIs('CW_DISK_FULL'));
      assert.deepEqual(staged(machine), []);
      assert.throws(() => uploads.view('ann', id), codeIs('CW_UPLOAD_UNKNOWN'));
    });
  });
});

describe('uploads that a copy is made of', () => {
  it('outlive a power cut from the moment on in which the job is stored', async () => {
    await onDisk(async (uploads, machine) => {
      const { id } = await uploads.create('ann', wish(2 * MIB, 2));
      const file = (path: string) => ({ path, mtimeMs: 5, body: pieces(1) });
      for (const path of ['a/deep/one', 'two']) await uploads.write('ann', id, file(path));
      await uploads.copy('ann', id, ['a', 'two'], async () => {
        for (const path of ['a/deep/one', 'two']) {
          const stable = machine.disk.readStableFile(`/data/uploads/${id}/${path}`);
          assert.deepEqual([stable?.length, stable?.at(-1)], [MIB, 1], path);
        }
      });
    });
  });

  it('are as before where it did not start, and take nothing meanwhile', async () => {
    await onDisk(async (uploads) => {
      const { id } = await uploads.create('ann', wish(MIB));
      await uploads.write('ann', id, { path: 'a', mtimeMs: null, body: pieces(1) });
      const failing = uploads.copy('ann', id, ['a'], async () => {
        await assert.rejects(uploads.remove('ann', id), codeIs('CW_UPLOAD_STATE'));
        await assert.rejects(uploads.addFolders('ann', id, ['b']), codeIs('CW_UPLOAD_STATE'));
        throw new CausewayError('CW_LIMIT', 'too many jobs');
      });
      await assert.rejects(failing, codeIs('CW_LIMIT'));
      assert.equal(uploads.view('ann', id).receivedBytes, MIB);
      await uploads.remove('ann', id);
    });
  });
});

describe('uploads that nobody goes on with', () => {
  it('are removed after a while', async () => {
    await onDisk(async (uploads, machine, world) => {
      const { id } = await uploads.create('ann', wish(MIB));
      await uploads.write('ann', id, { path: 'deep/er/file', mtimeMs: 5, body: pieces(1) });
      await world.clock.sleep(LIMITS.uploadIdleMs.value - LIMITS.uploadSweepEveryMs.value);
      assert.ok(staged(machine).length > 0);
      await world.clock.sleep(3 * LIMITS.uploadSweepEveryMs.value);
      assert.deepEqual(staged(machine), []);
    });
  });

  it('are as many for each user as the limit says', async () => {
    await onDisk(async (uploads) => {
      for (let count = 0; count < LIMITS.uploadsOpenPerUserMax.value; count += 1)
        await uploads.create('ann', wish(1));
      await assert.rejects(uploads.create('ann', wish(1)), codeIs('CW_LIMIT'));
      await uploads.create('bob', wish(1));
    });
  });
});
