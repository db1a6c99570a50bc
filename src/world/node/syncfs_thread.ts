import { Worker } from 'node:worker_threads';
import { SystemCallError } from './syscalls.ts';

/**
 * Runs in its own thread, because syncfs may take seconds and `node:ffi` has no asynchronous calls. Given as text,
 * so that it works inside a bundle and a single executable as well.
 */
const SOURCE = `
process.emitWarning = () => undefined;
const { parentPort } = require('node:worker_threads');
const { dlopen, getInt32 } = require('node:ffi');
const { functions: libc } = dlopen(null, {
  __errno_location: { return: 'pointer', arguments: [] },
  syncfs: { return: 'i32', arguments: ['i32'] },
});
const errnoAt = libc.__errno_location();
parentPort.on('message', (fd) => parentPort.postMessage(libc.syncfs(fd) === 0 ? 0 : getInt32(errnoAt) || 5));
`;

/** Threads kept for the next flush: starting one takes tens of milliseconds, and small files are flushed in many groups. */
const IDLE_MAX = 1;
const idle = new Set<Worker>();

function takeWorker(): Worker {
  for (const worker of idle) {
    idle.delete(worker);
    worker.ref();
    return worker;
  }
  const worker = new Worker(SOURCE, { eval: true, execArgv: [], trackUnmanagedFds: false });
  worker.once('exit', () => idle.delete(worker));
  return worker;
}

/** An idle thread does not keep the process alive. */
function giveBack(worker: Worker): void {
  if (idle.size >= IDLE_MAX) {
    void worker.terminate();
    return;
  }
  worker.unref();
  idle.add(worker);
}

/** syncfs(2) without holding up the calling thread; calls at the same time run side by side. The descriptor must stay open meanwhile. */
export function syncfsInThread(fd: number): Promise<void> {
  const worker = takeWorker();
  return new Promise<void>((resolve, reject) => {
    const onMessage = (errno: number) => {
      worker.off('error', reject).off('exit', onExit);
      giveBack(worker);
      if (errno === 0) resolve();
      else reject(new SystemCallError('syncfs', errno));
    };
    const onExit = () => reject(new SystemCallError('syncfs', 0));
    worker.once('message', onMessage).once('error', reject).once('exit', onExit);
    worker.postMessage(fd);
  });
}
