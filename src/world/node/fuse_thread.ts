import { Worker } from 'node:worker_threads';
import type { CausewayError } from '../../base/errors.ts';
import { asCausewayError } from '../../base/errors.ts';
import { StopPipe } from './fuse_mount.ts';
import type { ThreadModule } from './offload.ts';

/** What the thread that serves a mount is started with. */
export interface FuseThreadData {
  readonly fuseFd: number;
  readonly stopFd: number;
  /** Absolute path of the folder that is served. */
  readonly source: string;
  readonly readOnly: boolean;
  readonly cacheMs: number;
  readonly passthrough: boolean;
}

export interface FuseThread {
  /** Once it serves; rejects where it cannot. */
  readonly ready: Promise<void>;
  /** When it has ended: null, or why. */
  readonly ended: Promise<CausewayError | null>;
  /** Ends it, whatever it waits for. */
  stop(): void;
}

/** The thread says `ready` once; it ends when its mount does. */
export function startFuseThread(module: ThreadModule, data: Omit<FuseThreadData, 'stopFd'>): FuseThread {
  const pipe = new StopPipe();
  const options = {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    trackUnmanagedFds: false,
    workerData: { ...data, stopFd: pipe.readFd } satisfies FuseThreadData,
  };
  const worker =
    'url' in module
      ? new Worker(new URL(module.url), options)
      : new Worker(module.text, { ...options, eval: true });
  let failure: CausewayError | null = null;
  worker.on('error', (thrown) => {
    failure = asCausewayError(thrown);
  });
  const ended = new Promise<CausewayError | null>((resolve) => worker.once('exit', () => resolve(failure)));
  const ready = new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    void ended.then((why) => reject(why ?? new Error('the mount ended before it was served')));
  });
  ready.catch(() => undefined); // `ended` tells the same to those who do not wait for the start
  return { ready, ended, stop: () => pipe.stop() };
}
