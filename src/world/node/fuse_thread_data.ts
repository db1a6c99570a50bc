import { parentPort, workerData } from 'node:worker_threads';
import type { FuseThreadData, FuseThreadMessage } from './fuse_thread.ts';

/** In the thread that serves a mount: what it was started with, and how it says that it serves. */
export function fuseThreadData(): FuseThreadData & { readonly tell: (message: FuseThreadMessage) => void } {
  return { ...(workerData as FuseThreadData), tell: (message) => parentPort?.postMessage(message) };
}
