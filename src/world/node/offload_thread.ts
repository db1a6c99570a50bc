import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { asCausewayError } from '../../base/errors.ts';
import type { Job, JobContext } from '../offload.ts';
import { createNodeClock } from './clock.ts';
import { keepCompiledCode } from './compiled_code.ts';
import { NODE_FRAMES } from './compression.ts';
import { createNodeCryptography } from './cryptography.ts';
import { createDiskContext } from './disk.ts';
import { createFileSender } from './file_sender.ts';
import { createFolderScan } from './folder_scan.ts';
import { borrowHandles } from './handle_refs.ts';
import type { JobAnswer, JobOrder, JobThreadData } from './offload.ts';
import { lowerThreadPriority } from './priority.ts';
import { ownThreadFolder } from './thread_folder.ts';
import { createWholeFiles } from './whole_files.ts';

/**
 * Serves jobs in a worker thread, one at a time, with blocking calls: nothing else lives in the thread. Called once, by
 * the module that the thread starts with.
 */
export function serveJobs(jobs: readonly Job<never, unknown>[]): void {
  const port = parentPort;
  assert(port !== null, 'jobs are served in a worker thread');
  const { manner, awaited } = workerData as JobThreadData;
  if (manner !== 'usual') lowerThreadPriority(manner);
  keepCompiledCode();
  const byName = new Map(jobs.map((job) => [job.name, job as unknown as Job<object, unknown>]));
  const disk = createDiskContext({ mode: 'blocking' });
  const folder = ownThreadFolder();
  let memory = new Uint8Array(0);
  const context: JobContext = {
    clock: createNodeClock(),
    scratch: (sizeBytes) => {
      if (memory.byteLength < sizeBytes) memory = new Uint8Array(sizeBytes);
      return memory.subarray(0, sizeBytes);
    },
    whole: createWholeFiles(disk.syscalls, folder),
    folders: createFolderScan(),
    sender: createFileSender(() => Atomics.load(awaited, 0) > 0),
    frames: NODE_FRAMES,
    aead: createNodeCryptography().aead,
    moved: (movedBytes) => port.postMessage({ movedBytes }),
  };
  const answer = async ({ name, args }: JobOrder): Promise<JobAnswer> => {
    try {
      const job = byName.get(name);
      assert(job !== undefined, `the thread knows the job ${name}`);
      return { result: await job.run(borrowHandles(disk, args), context) };
    } catch (thrown) {
      const { code, message } = asCausewayError(thrown);
      return { failure: { code, message } };
    } finally {
      folder?.leave();
    }
  };
  port.on('message', (order: JobOrder) => void answer(order).then((reply) => port.postMessage(reply)));
}
