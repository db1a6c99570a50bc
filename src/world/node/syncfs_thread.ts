import { Worker } from 'node:worker_threads';
import { SystemCallError } from './syscalls.ts';

/**
 * Runs in its own thread, because syncfs may take seconds and `node:ffi` has no asynchronous calls. Given as text,
 * so that it works inside a bundle and a single executable as well.
 */
const SOURCE = `
process.emitWarning = () => undefined;
const { parentPort, workerData } = require('node:worker_threads');
const { dlopen, getInt32 } = require('node:ffi');
const { functions: libc } = dlopen(null, {
  __errno_location: { return: 'pointer', arguments: [] },
  syncfs: { return: 'i32', arguments: ['i32'] },
});
const errnoAt = libc.__errno_location();
parentPort.postMessage(libc.syncfs(workerData) === 0 ? 0 : getInt32(errnoAt) || 5);
`;

/** syncfs(2) without holding up the calling thread. The descriptor must stay open meanwhile. */
export function syncfsInThread(fd: number): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const worker = new Worker(SOURCE, { eval: true, workerData: fd, execArgv: [], trackUnmanagedFds: false });
    worker.once('message', (errno: number) => {
      if (errno === 0) resolve();
      else reject(new SystemCallError('syncfs', errno));
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new SystemCallError('syncfs', 0))); // settled already in the usual case
  });
}
