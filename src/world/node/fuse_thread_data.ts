import { parentPort, workerData } from 'node:worker_threads';
import type { FuseThreadData } from './fuse_thread.ts';

/** In the thread that serves a mount: what it was started with, and how it says that it serves. */
export function fuseThreadData(): FuseThreadData & { readonly tellReady: () => void } {
  return { ...(workerData as FuseThreadData), tellReady: () => parentPort?.postMessage('ready') };
}
