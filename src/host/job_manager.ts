import { toHex, utf8 } from '../base/bytes.ts';
import { observed } from '../base/deferred.ts';
import { CausewayError } from '../base/errors.ts';
import { hashParts } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import type { JobView, StartJobRequest } from '../contract/schemas.ts';
import { CopyJob, type JobEnd } from '../transfer/copy_job.ts';
import { TRANSFER_ID_BYTES } from '../wire/copy_messages.ts';
import type { World } from '../world/world.ts';
import type { JobStore, StoredJob } from './job_store.ts';
import { JobTracker } from './job_view.ts';
import type { Machines } from './machines.ts';
import type { Removal } from './remains.ts';

interface RunningJob {
  readonly stored: StoredJob;
  readonly transferId: Uint8Array;
  readonly copy: CopyJob;
  readonly tracker: JobTracker;
  readonly over: Promise<void>;
  /** Aborted as soon as the copy is to stop. */
  readonly stopping: AbortController;
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

  /** Takes up the jobs that ran when the daemon went away, and what is still to be told of cancelled ones. */
  resumeStored(): void {
    for (const { pending, settled } of this.#machines.remains.takeUp())
      if (pending.jobId !== undefined) this.#tellRemoval(pending.jobId, settled);
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
    for (const job of running) stop(job, true);
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
    stop(job, keep);
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
          ignoreTimes: request.ignoreTimes ?? false,
          limitBytesPerSecond: request.limitBytesPerSecond ?? null,
          lanes: request.lanes ?? Math.min(LIMITS.lanesMax.value, this.#world.process.info.cpuCount),
        },
      },
    });
    const over = Promise.withResolvers<void>();
    const stopping = new AbortController();
    const job: RunningJob = { stored, transferId, copy, tracker, over: over.promise, stopping, end: null };
    this.#running.set(id, job);
    void this.#run(job).then(over.resolve, over.reject);
    return job;
  }

  async #run(job: RunningJob): Promise<void> {
    const ended = this.#takeOver(job)
      .then(() => job.copy.run())
      .then((end) => {
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

  /** What a cancelled attempt of this copy has left is taken from its removal before it is used. */
  async #takeOver(job: RunningJob): Promise<void> {
    const withdrawn = this.#machines.remains.withdraw(job.stored.request.vm, toHex(job.transferId));
    await orAborted(withdrawn, job.stopping.signal).catch(() => undefined); // the stop is for the copy to see
  }

  /** What a cancelled copy left at its destination goes; where the machine does not answer, once it does. */
  async #discardRemains(stored: StoredJob, job?: RunningJob): Promise<void> {
    const { id, request } = stored;
    const { settled } = await this.#machines.discard(request, this.#transferIdOf(request), id);
    const answered = await this.#withinGrace(settled);
    const note = answered ? removalNote(answered, request) : this.#pendingNote(request);
    if (job) job.end = { kind: 'cancelled', leftover: answered?.kind === 'removed' ? null : note };
    else await this.#finish(stored, { ...stored.view, state: 'cancelled', note });
    if (answered === null) this.#tellRemoval(id, settled);
  }

  /** Null where the removal takes longer than a cancel may. */
  async #withinGrace(settled: Promise<Removal>): Promise<Removal | null> {
    const answered = new AbortController();
    const late = this.#world.clock.sleep(LIMITS.cancelGraceMs.value / 2, answered.signal).then(
      () => null,
      () => null, // it was settled in time
    );
    const removal = await Promise.race([settled, late]);
    answered.abort();
    return removal;
  }

  #pendingNote(request: StartJobRequest): string {
    const why = this.#machines.remains.lastError(request.vm, toHex(this.#transferIdOf(request)));
    return `what was copied so far is still there and is removed later: ${why?.message ?? `${request.vm} does not answer`}`;
  }

  /** Says on a cancelled job how the late removal of its remains ended. */
  #tellRemoval(id: string, settled: Promise<Removal>): void {
    const told = settled.then(async (removal) => {
      await this.#running.get(id)?.over;
      const stored = this.#store.get(id);
      if (stored?.view.state !== 'cancelled') return;
      await this.#finish(stored, { ...stored.view, note: removalNote(removal, stored.request) });
    });
    observed(told); // a note that cannot be stored is lost, the removal is not
  }

  /** The same copy has the same id on every attempt, so that it finds what an earlier one left. */
  #transferIdOf(request: StartJobRequest): Uint8Array {
    const { direction, vm, sources, destination } = request;
    const parts = ['causeway-copy-v1', this.#deviceId, direction, vm, ...sources, destination];
    return hashParts(parts.map((part) => utf8(`${part}\0`))).slice(0, TRANSFER_ID_BYTES);
  }
}

function stop(job: RunningJob, keep: boolean): void {
  job.copy.stop({ keep });
  job.stopping.abort(new CausewayError('CW_CANCELLED', 'the copy was stopped'));
}

function removalNote(removal: Removal, { vm, direction, destination }: StartJobRequest): string {
  switch (removal.kind) {
    case 'removed':
      return 'what was copied so far was removed';
    case 'taken-over':
      return 'what was copied so far is used by the same copy, which was started again';
    case 'given-up': {
      const { message, code } = removal.error;
      const place = direction === 'in' ? `${vm}:${destination}` : destination;
      return `what was copied so far is still in .causeway at ${place} and is not removed: ${message} (${code})`;
    }
  }
}

function viewOf(job: RunningJob): JobView {
  return job.tracker.toView(null, null);
}

function unknownVm(name: string): CausewayError {
  return new CausewayError('CW_VM_UNKNOWN', `there is no machine ${name}`);
}
