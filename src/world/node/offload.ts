import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { CausewayError, fromReport } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { inlineOffload, type Job, type Offload } from '../offload.ts';
import { createNodeClock } from './clock.ts';
import { NODE_FRAMES } from './compression.ts';
import { createNodeCryptography } from './cryptography.ts';
import { type LentArgs, lendHandles } from './handle_refs.ts';
import type { Manner } from './priority.ts';

/** The module that a thread runs, which calls `serveJobs`: where it lies, or its text as CommonJS. */
export type ThreadModule = { readonly url: string } | { readonly text: string };

export interface JobOrder {
  readonly name: string;
  readonly args: Record<string, unknown>;
}

export type JobAnswer =
  | { readonly result: unknown }
  | { readonly movedBytes: number }
  | { readonly failure: { readonly code: string; readonly message: string } };

interface WaitingJob {
  readonly order: JobOrder;
  readonly onMoved: ((bytes: number) => void) | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: CausewayError) => void;
}

interface Thread {
  readonly worker: Worker;
  current: WaitingJob | null;
  /** When the current job was given to it. */
  sinceMs: number;
}

/** How long a thread without work is kept: a copy follows the other, and a new one has to compile all it does, 100 ms of processor time and more. */
const IDLE_MS = 60_000;

/** Jobs leave little behind, so that a large nursery would only fill the memory of a small machine with garbage. */
const HEAP = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };

/** A job that takes longer waits for a device: its thread leaves a processor to another one. */
const HELD_UP_MS = 1_000;

/**
 * Runs jobs in threads, each with blocking calls of its own: one for each processor, and more, up to
 * LIMITS.offloadThreadsMax, while jobs are held up, so that one device does not hold up jobs on another. A job with a
 * handle of a wrapped disk runs in the calling thread.
 */
class ThreadOffload implements Offload {
  readonly gentle?: Offload;
  readonly modest?: Offload;
  readonly #module: ThreadModule;
  readonly #manner: Manner | 'usual';
  readonly #inline = inlineOffload(createNodeClock(), NODE_FRAMES, createNodeCryptography().aead);
  readonly #threads = new Set<Thread>();
  /** Last used first: its memory is warm, and the others may end. */
  readonly #idle: Thread[] = [];
  readonly #waiting: WaitingJob[] = [];
  /** How many wait, for threads whose job could end sooner. */
  readonly #awaited = new Int32Array(new SharedArrayBuffer(4));
  readonly #usualThreads = Math.max(2, availableParallelism());
  #idleTimer: NodeJS.Timeout | null = null;
  #heldUpTimer: NodeJS.Timeout | null = null;

  constructor(module: ThreadModule, manner: Manner | 'usual', gentle?: Offload) {
    this.#module = module;
    this.#manner = manner;
    if (manner !== 'gentle') this.gentle = gentle ?? new ThreadOffload(module, 'gentle');
    if (manner === 'usual') this.modest = new ThreadOffload(module, 'modest', this.gentle);
  }

  async run<Args extends object, Result>(
    job: Job<Args, Result>,
    args: Args,
    onMoved?: (bytes: number) => void,
  ): Promise<Result> {
    const lent: LentArgs | null = lendHandles(args);
    if (lent === null) return this.#inline.run(job, args, onMoved);
    try {
      return (await this.#order({ name: job.name, args: lent.message }, onMoved)) as Result;
    } finally {
      lent.giveBack();
    }
  }

  #order(order: JobOrder, onMoved: WaitingJob['onMoved']): Promise<unknown> {
    if (this.#waiting.length >= LIMITS.offloadQueueMax.value)
      return Promise.reject(new CausewayError('CW_LIMIT', 'too much work waits for a thread'));
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ order, onMoved, resolve, reject });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#idle.pop() ?? (this.#mayStart() ? this.#start() : null);
      if (thread === null) {
        Atomics.store(this.#awaited, 0, this.#waiting.length);
        return this.#lookAgainLater();
      }
      const job = this.#waiting.shift() as WaitingJob;
      thread.current = job;
      thread.sinceMs = performance.now();
      thread.worker.ref();
      thread.worker.postMessage(job.order);
    }
    Atomics.store(this.#awaited, 0, 0);
  }

  #mayStart(): boolean {
    if (this.#threads.size < this.#usualThreads) return true;
    if (this.#threads.size >= LIMITS.offloadThreadsMax.value) return false;
    const nowMs = performance.now();
    const working = [...this.#threads].filter((thread) => nowMs - thread.sinceMs < HELD_UP_MS);
    return working.length < this.#usualThreads;
  }

  #lookAgainLater(): void {
    this.#heldUpTimer ??= setTimeout(() => {
      this.#heldUpTimer = null;
      this.#dispatch();
    }, HELD_UP_MS);
  }

  #start(): Thread {
    const thread: Thread = {
      worker: startWorker(this.#module, { manner: this.#manner, awaited: this.#awaited }),
      current: null,
      sinceMs: 0,
    };
    this.#threads.add(thread);
    const ended = (error: unknown) => this.#ended(thread, error);
    thread.worker
      .on('message', (answer: JobAnswer) => this.#answered(thread, answer))
      .on('error', ended)
      .on('exit', () => ended(null));
    return thread;
  }

  #answered(thread: Thread, answer: JobAnswer): void {
    const job = thread.current;
    if ('movedBytes' in answer) {
      job?.onMoved?.(answer.movedBytes);
      return;
    }
    thread.current = null;
    this.#idle.push(thread);
    thread.worker.unref(); // a thread without work does not keep the process alive
    this.#dispatch();
    if (thread.current === null) this.#endIdleLater();
    if ('failure' in answer) job?.reject(fromReport(answer.failure));
    else job?.resolve(answer.result);
  }

  #ended(thread: Thread, error: unknown): void {
    this.#threads.delete(thread);
    const at = this.#idle.indexOf(thread);
    if (at >= 0) this.#idle.splice(at, 1);
    const reason = error instanceof Error ? error.message : 'it ended';
    thread.current?.reject(new CausewayError('CW_INTERNAL', `a disk thread failed: ${reason}`));
    thread.current = null;
    this.#dispatch();
  }

  #endIdleLater(): void {
    if (this.#idleTimer !== null) {
      this.#idleTimer.refresh();
      return;
    }
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = null;
      for (const thread of this.#idle.splice(0)) {
        this.#threads.delete(thread);
        void thread.worker.terminate();
      }
    }, IDLE_MS).unref();
  }
}

/** What a thread is started with. */
export interface JobThreadData {
  readonly manner: Manner | 'usual';
  readonly awaited: Int32Array;
}

function startWorker(module: ThreadModule, workerData: JobThreadData): Worker {
  // descriptors are passed between the threads: none of them is the worker's own
  const options = {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    trackUnmanagedFds: false,
    resourceLimits: HEAP,
    workerData,
  };
  if ('url' in module) return new Worker(new URL(module.url), options);
  return new Worker(module.text, { ...options, eval: true });
}

/** Threads where `module` is given; without it every job runs in the calling thread. */
export function createNodeOffload(module: ThreadModule | null): Offload {
  return module === null
    ? inlineOffload(createNodeClock(), NODE_FRAMES, createNodeCryptography().aead)
    : new ThreadOffload(module, 'usual');
}
