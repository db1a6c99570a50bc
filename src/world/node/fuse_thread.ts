import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { CausewayError } from '../../base/errors.ts';
import { asCausewayError } from '../../base/errors.ts';
import type { QuotaSeat, RecordSeat, ToldDeed } from '../mounts.ts';
import { StopPipe } from './fuse_mount.ts';
import type { FuseSideLink } from './fuse_side.ts';
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
  readonly quota: QuotaSeat | null;
  readonly records: RecordSeat | null;
  readonly side: FuseSideLink;
}

/** `ready` is the first one. */
export type FuseThreadMessage = 'ready' | ToldDeed;

/** What the two threads of a mount are started with. */
export interface FuseThreadModules {
  readonly serving: ThreadModule;
  readonly side: ThreadModule;
}

export interface FuseThread {
  /** Once it serves; rejects where it cannot. */
  readonly ready: Promise<void>;
  /** When it has ended: null, or why. */
  readonly ended: Promise<CausewayError | null>;
  /** Ends it, whatever it waits for. */
  stop(): void;
}

/** The thread that serves says `ready` once; it ends when its mount does, and the other one with it. */
export function startFuseThread(
  modules: FuseThreadModules,
  data: Omit<FuseThreadData, 'stopFd' | 'side'>,
  tell: (told: ToldDeed) => void = () => undefined,
): FuseThread {
  const pipe = new StopPipe();
  const { port1, port2 } = new MessageChannel();
  const waiting = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const side = startWorker(modules.side, { fuseFd: data.fuseFd, side: { port: port2, waiting } }, port2);
  const serving: FuseThreadData = { ...data, stopFd: pipe.readFd, side: { port: port1, waiting } };
  const worker = startWorker(modules.serving, serving, port1);
  let failure: CausewayError | null = null;
  worker.on('error', (thrown) => {
    failure = asCausewayError(thrown);
  });
  const left = [side, worker].map((one) => new Promise<void>((resolve) => one.once('exit', () => resolve())));
  // the other one may be about to answer: nobody else's file may have the number of the device before
  const ended = Promise.all(left).then(() => failure);
  const ready = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: FuseThreadMessage) => {
      if (message === 'ready') resolve();
      else tell(message);
    });
    void ended.then((why) => reject(why ?? new Error('the mount ended before it was served')));
  });
  ready.catch(() => undefined); // `ended` tells the same to those who do not wait for the start
  return { ready, ended, stop: () => pipe.stop() };
}

function startWorker(module: ThreadModule, workerData: object, port: MessagePort): Worker {
  const options = {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    trackUnmanagedFds: false,
    workerData,
    transferList: [port],
  };
  if ('url' in module) return new Worker(new URL(module.url), options);
  return new Worker(module.text, { ...options, eval: true });
}
