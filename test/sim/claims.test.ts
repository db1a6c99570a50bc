import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deferred } from '../../src/base/deferred.ts';
import { writeChunksJob } from '../../src/transfer/chunk_run_jobs.ts';
import { verifyChunksJob } from '../../src/transfer/disk_jobs.ts';
import type { Job, Offload } from '../../src/world/offload.ts';
import { NO_FAULTS } from '../../src/world/sim/faults.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { CHUNK, Keys, runAgent, runDaemon } from './copy_scenario.ts';

const CHUNKS = 40;
/** Of these so many are written before the agent dies. */
const BEFORE = 10;
const WATCHED = [writeChunksJob.name, verifyChunksJob.name];

/** The same world, with something that happens before each job. */
function watched(world: World, before: (job: Job<never, unknown>) => Promise<void>): World {
  const { offload } = world;
  const watching: Offload = {
    run: async (job, args, onMoved) => {
      await before(job as unknown as Job<never, unknown>);
      return offload.run(job, args, onMoved);
    },
  };
  return { ...world, offload: watching };
}

test('what is missing is sent before anything of what the journal claims has been read', async () => {
  const sim = new Sim(1, NO_FAULTS);
  const [host, guest] = [sim.machine('host'), sim.machine('guest')];
  const bytes = new Uint8Array(CHUNKS * CHUNK).map((_, at) => (at * 31 + (at >> 8) * 7) % 251);
  host.disk.writeTree('/src/tree', { large: bytes });
  guest.disk.writeTree('/dst', {});
  const keys = new Keys();
  const progress = { done: false, attempts: 0, reusedBytes: 0, zeroBytes: 0 };
  let life = 0;
  let writes = 0;
  /** In the second life: nothing claimed is read until something new has been written. */
  const written = deferred<void>();
  const order: string[] = [];

  const agent = guest.supervise('agent', (world) => {
    life += 1;
    const isFirst = life === 1;
    const before = async (job: Job<never, unknown>) => {
      if (isFirst && job.name === writeChunksJob.name && ++writes > BEFORE) {
        agent.process.kill();
        await new Promise<void>(() => undefined); // a killed process does nothing more
      }
      if (isFirst) return;
      if (job.name === verifyChunksJob.name) await written.promise;
      if (job.name === writeChunksJob.name) written.resolve();
      if (WATCHED.includes(job.name)) order.push(job.name);
    };
    return runAgent(watched(world, before), false, keys);
  });
  const daemon = host.supervise('daemon', (world) =>
    runDaemon(world, { secure: false, inward: true, keys, progress }),
  );
  await sim.runUntil(() => progress.done, { maxVirtualMs: 60_000 });
  agent.stop();
  daemon.stop();
  assert.equal(life, 2);
  assert.ok(progress.done, 'the copy waits for the look at what is claimed');
  assert.equal(order[0], writeChunksJob.name);
  assert.ok(order.includes(verifyChunksJob.name));
  assert.deepEqual(guest.disk.readFile('/dst/tree/large'), bytes);
});
