import { toHex, utf8 } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { hashParts } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import type { JobView, StartJobRequest } from '../contract/schemas.ts';
import { CopyJob, type JobEnd } from '../transfer/copy_job.ts';
import { TRANSFER_ID_BYTES } from '../wire/copy_messages.ts';
import type { World } from '../world/world.ts';
import type { JobStore, StoredJob } from './job_store.ts';
import { JobTracker } from './job_view.ts';
import type { Machines } from './machines.ts';

interface RunningJob {
  readonly stored: StoredJob;
  readonly transferId: Uint8Array;
  readonly copy: CopyJob;
  readonly tracker: JobTracker;
  readonly over: Promise<void>;
  end: JobEnd | null;
}

/** The copies of one daemon: starts, watches, stops, remembers them, and takes unfinished ones up again after a restart. */
export class JobManager {
  readonly #world: World;
  readonly #machines: Machines;
  readonly #store: JobStore;
  readonly #deviceId: string;
  readonly #running = new Map<string, RunningJob>();
  readonly #listeners = new Map<string, Set<(view: JobView) => void>>();
  #closing = false;

  constructor(parts: { world: World; machines: Machines; store: JobStore; deviceId: string }) {
    this.#world = parts.world;
    this.#machines = parts.machines;
    this.#store = parts.store;
    this.#deviceId = parts.deviceId;
  }

  /** Takes up the jobs that ran when the daemon went away. */
  resumeStored(): void {
    for (const stored of this.#store.unfinished()) {
      if (this.#machines.has(stored.request.vm)) this.#launch(stored);
      else
        this.#finish(stored, {
          ...stored.view,
          state: 'failed',
          error: unknownVm(stored.request.vm).report(),
        });
    }
  }

  /** Starts a copy, or joins the same one if it runs already. CW_VM_UNKNOWN. */
  async start(request: StartJobRequest): Promise<JobView> {
    if (!this.#machines.has(request.vm)) throw unknownVm(request.vm);
    const key = toHex(this.#transferIdOf(request));
    for (const job of this.#running.values()) if (toHex(job.transferId) === key) return viewOf(job);
    const createdAtMs = this.#world.clock.wallMs();
    const id = toHex(this.#world.random.bytes(4));
    const tracker = new JobTracker({ id, request, createdAtMs }, this.#world.clock);
    const stored: StoredJob = { id, request, createdAtMs, view: tracker.toView(null, null) };
    await this.#store.put(stored);
    return viewOf(this.#launch(stored));
  }

  list(): JobView[] {
    return this.#store.all().map((stored) => this.#current(stored));
  }

  active(): JobView[] {
    return [...this.#running.values()].map(viewOf);
  }

  /** CW_JOB_UNKNOWN. */
  show(id: string): JobView {
    return this.#current(this.#find(id));
  }

  /** Ends a copy and removes what it left. Answers within LIMITS.cancelGraceMs and a little. */
  async cancel(id: string): Promise<JobView> {
    return this.#stop(id, false);
  }

  /** Ends a copy and keeps what is there: the same copy resumes from it. */
  async interrupt(id: string): Promise<JobView> {
    return this.#stop(id, true);
  }

  /** Calls `listener` with each new view until the job has ended; returns a function that ends it before. */
  watch(id: string, listener: (view: JobView) => void): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(id, listeners);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(id);
    };
  }

  /** Stops all copies where they are; they go on when the daemon is started again. */
  async close(): Promise<void> {
    this.#closing = true;
    const running = [...this.#running.values()];
    for (const job of running) job.copy.stop({ keep: true });
    await Promise.all(running.map((job) => job.over));
  }

  #find(id: string): StoredJob {
    const stored = this.#store.get(id);
    if (!stored) throw new CausewayError('CW_JOB_UNKNOWN', `there is no job ${id}`);
    return stored;
  }

  #current(stored: StoredJob): JobView {
    const running = this.#running.get(stored.id);
    return running ? viewOf(running) : stored.view;
  }

  async #stop(id: string, keep: boolean): Promise<JobView> {
    const stored = this.#find(id);
    const job = this.#running.get(id);
    if (!job) {
      if (!keep && stored.view.state === 'interrupted') await this.#discardRemains(stored);
      return this.show(id);
    }
    job.copy.stop({ keep });
    await job.over;
    return this.show(id);
  }

  #launch(stored: StoredJob): RunningJob {
    const { id, request, createdAtMs } = stored;
    const transferId = this.#transferIdOf(request);
    const tracker = new JobTracker({ id, request, createdAtMs }, this.#world.clock);
    const copy = new CopyJob({
      world: this.#world,
      link: this.#machines.link(request.vm),
      routerOf: (mux) => this.#machines.routerOf(mux),
      spec: {
        transferId,
        role: request.direction === 'in' ? 'source' : 'sink',
        sources: request.sources,
        destination: request.destination,
        options: {
          chunkBytes: request.chunkBytes ?? LIMITS.chunkDefaultBytes.value,
          lanes: request.lanes ?? Math.min(LIMITS.lanesMax.value, this.#world.process.info.cpuCount),
        },
      },
    });
    const over = Promise.withResolvers<void>();
    const job: RunningJob = { stored, transferId, copy, tracker, over: over.promise, end: null };
    this.#running.set(id, job);
    void this.#run(job).then(over.resolve, over.reject);
    return job;
  }

  async #run(job: RunningJob): Promise<void> {
    const ended = job.copy.run().then((end) => {
      job.end = end;
    });
    const timer = new AbortController();
    const watching = this.#observe(job, timer.signal);
    await ended;
    timer.abort();
    await watching;
    job.tracker.observe(job.copy, this.#machines.link(job.stored.request.vm));
    if (this.#closing && job.end?.kind === 'interrupted') {
      this.#running.delete(job.stored.id);
      return; // still unfinished in the store: the next daemon takes it up
    }
    if (job.end?.kind === 'cancelled') await this.#discardRemains(job.stored, job);
    const view = job.tracker.toView(job.end, this.#world.clock.wallMs());
    await this.#finish(job.stored, view);
    this.#running.delete(job.stored.id);
    this.#tell(view);
  }

  async #observe(job: RunningJob, signal: AbortSignal): Promise<void> {
    const link = this.#machines.link(job.stored.request.vm);
    while (!signal.aborted) {
      job.tracker.observe(job.copy, link);
      this.#tell(viewOf(job));
      await this.#world.clock.sleep(LIMITS.progressIntervalMs.value, signal).catch(() => undefined); // the end of the job ends the wait
    }
  }

  #tell(view: JobView): void {
    for (const listener of this.#listeners.get(view.id) ?? []) listener(view);
  }

  async #finish(stored: StoredJob, view: JobView): Promise<void> {
    await this.#store.put({ ...stored, view });
  }

  /** What a cancelled copy left at its destination goes; where the machine does not answer, once it does. */
  async #discardRemains(stored: StoredJob, job?: RunningJob): Promise<void> {
    const transferId = this.#transferIdOf(stored.request);
    try {
      await this.#machines.discard(stored.request, transferId);
      if (!job) await this.#finish(stored, { ...stored.view, state: 'cancelled' });
    } catch (failure) {
      const note = `what was copied so far is still there and is removed later: ${asCausewayError(failure).message}`;
      if (job) job.end = { kind: 'cancelled', leftover: note };
      else await this.#finish(stored, { ...stored.view, state: 'cancelled', note });
      await this.#machines.discardLater(stored.request, transferId);
    }
  }

  /** The same copy has the same id on every attempt, so that it finds what an earlier one left. */
  #transferIdOf(request: StartJobRequest): Uint8Array {
    const { direction, vm, sources, destination } = request;
    const parts = ['causeway-copy-v1', this.#deviceId, direction, vm, ...sources, destination];
    return hashParts(parts.map((part) => utf8(`${part}\0`))).slice(0, TRANSFER_ID_BYTES);
  }
}

function viewOf(job: RunningJob): JobView {
  return job.tracker.toView(null, null);
}

function unknownVm(name: string): CausewayError {
  return new CausewayError('CW_VM_UNKNOWN', `there is no machine ${name}`);
}
