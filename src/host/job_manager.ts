import { toHex } from '../base/bytes.ts';
import { observed } from '../base/deferred.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseTimeWindow } from '../base/time_window.ts';
import type {
  JobPage,
  JobState,
  JobView,
  ListJobsRequest,
  StartJobRequest,
  UndoJobRequest,
} from '../contract/schemas.ts';
import { frameOf, NO_FIGURES } from './job_frame.ts';
import type { JobGround } from './job_ground.ts';
import { JobListeners } from './job_listeners.ts';
import { JobQueue } from './job_queue.ts';
import { discardRemains, removalNote } from './job_remains.ts';
import { JobSaver } from './job_saver.ts';
import { hasEnded } from './job_state.ts';
import type { JobStore, StoredJob, StoredPage } from './job_store.ts';
import { JobUndo } from './job_undo.ts';
import { type LiveJob, viewOf } from './live_job.ts';
import type { RunningPart } from './parts/supervised_part.ts';
import { vmsOf } from './queue_plan.ts';
import type { Removal } from './remains.ts';
import { transferIdOf } from './transfer_id.ts';

export interface JobManagerParts extends JobGround {
  readonly store: JobStore;
  /** What copies get that ask for nothing else; asked for each. */
  readonly defaults?: () => Pick<StartJobRequest, 'compress' | 'undo'>;
}

const ID_BYTES = 4;

/** The jobs of one daemon, as its API asks for them. */
export class JobManager {
  readonly #parts: JobManagerParts;
  readonly #queue: JobQueue;
  #begun = false;
  readonly #saver: JobSaver;
  readonly #listeners = new JobListeners();
  readonly #undo: JobUndo;

  constructor(parts: JobManagerParts) {
    const { world, machines, store, localTime, deviceId, rates, uploads } = parts;
    this.#parts = parts;
    this.#saver = new JobSaver(store, world.clock);
    this.#queue = new JobQueue({
      world,
      machines,
      saver: this.#saver,
      listeners: this.#listeners,
      localTime,
      deviceId,
      rates,
      uploads,
      onLateNote: (id, later) => this.#noteLater(id, later),
    });
    machines.onChange(() => this.#queue.schedule());
    const find = (id: string) => this.#find(id);
    this.#undo = new JobUndo({ machines, saver: this.#saver, clock: world.clock, deviceId, find });
  }

  /** Reads the jobs that had not ended when the daemon went away. CW_DAEMON_STATE, CW_DISK_*. */
  async load(): Promise<void> {
    for (const stored of await this.#parts.store.unfinished()) {
      const state = stored.state === 'running' ? 'waiting' : stored.state;
      this.#queue.add({ ...stored, state }).admitted = true;
    }
  }

  /**
   * Starts what may run until planning fails, and goes on with the removal of what cancelled copies had left. To be called
   * again after such a failure.
   */
  begin(): RunningPart {
    if (!this.#begun) this.#takeUp();
    this.#begun = true;
    return this.#queue.begin();
  }

  #takeUp(): void {
    for (const { pending, settled } of this.#parts.machines.remains.takeUp())
      if (pending.jobId !== undefined)
        if (pending.undoId === undefined) this.#tellRemoval(pending.jobId, settled);
        else this.#undo.takeUp(pending.jobId, settled);
  }

  /**
   * Makes a job, or joins the one that is the same copy: a paused one is resumed, and the options given now replace those
   * it has (for a running copy, those about the queue at once, the others when it runs again). CW_VM_UNKNOWN, CW_USAGE, CW_LIMIT, CW_DISK_*.
   */
  async start(request: StartJobRequest, id?: string): Promise<JobView> {
    const [view] = await this.startAll([request], id);
    return view!;
  }

  /** The same for several (of one only `id` may be given), which come into the queue at the same moment; of those that are no joined ones all or none. */
  async startAll(asked: readonly StartJobRequest[], id?: string): Promise<JobView[]> {
    const requests = asked.map((request) => this.#withDefaults(request));
    for (const request of requests) this.#refuse(request);
    const twins = new Map(requests.map((request) => [request, this.#twinOf(request)]));
    const fresh = requests.filter((request) => !twins.get(request));
    if (fresh.length > 0 && this.#queue.size + fresh.length > LIMITS.jobsUnfinishedMax.value)
      throw new CausewayError('CW_LIMIT', 'too many jobs run, wait or are paused');
    const made = await this.#make(fresh, id);
    return Promise.all(
      requests.map((request) => {
        const twin = twins.get(request);
        return twin ? this.#join(twin, request) : this.show(made.get(request)!.stored.id);
      }),
    );
  }

  /** A profile says itself how it compresses. */
  #withDefaults(request: StartJobRequest): StartJobRequest {
    const { rates, defaults } = this.#parts;
    const { compress, ...others } = defaults?.() ?? {};
    return {
      ...(rates && { chunkBytes: rates.chunkBytes }),
      ...(compress !== undefined && request.profile === undefined && { compress }),
      ...others,
      ...request,
    };
  }

  /** Newest first. CW_USAGE. */
  async list({ state, vm, group, limit, cursor }: ListJobsRequest): Promise<JobPage> {
    const page = await this.#parts.store.list({
      states: state ?? null,
      vm: vm ?? null,
      group,
      limit: Math.min(limit ?? LIMITS.jobsPageDefault.value, LIMITS.jobsPageMax.value),
      cursor: cursor ?? null,
    });
    return { jobs: page.jobs.map((stored) => this.#current(stored)), nextCursor: page.nextCursor };
  }

  /** Jobs that have not ended: running ones, then waiting ones, then paused ones. */
  active(): JobView[] {
    const rank = (state: JobState) => ['running', 'waiting', 'paused'].indexOf(state);
    const jobs = this.#queue.all().sort((a, b) => rank(a.stored.state) - rank(b.stored.state));
    return jobs.slice(0, LIMITS.jobsActiveShownMax.value).map(viewOf);
  }

  /** Views of the jobs that run. */
  running(): JobView[] {
    return this.#queue
      .all()
      .filter(({ run }) => run !== null)
      .map(viewOf);
  }

  /** Of the unfinished jobs their states, and of those that wait the reason and since when they exist. */
  queued(): { state: JobState; reason: string | null; createdAtMs: number }[] {
    return this.#queue.all().map(({ stored, waiting }) => ({
      state: stored.state,
      reason: stored.state === 'waiting' ? (waiting?.reason ?? 'turn') : null,
      createdAtMs: stored.createdAtMs,
    }));
  }

  /** Those that unfinished copies read, and interrupted ones that can still be resumed. CW_DISK_*, CW_DAEMON_STATE. */
  async uploadsInUse(): Promise<ReadonlySet<string>> {
    const { store, world } = this.#parts;
    const used = new Set<string>();
    let cursor: string | null = null;
    do {
      const limit = LIMITS.jobsPageMax.value;
      const page: StoredPage = await store.list({ states: ['interrupted'], vm: null, limit, cursor });
      for (const { request, view } of page.jobs) {
        const restedMs = world.clock.wallMs() - (view.endedAtMs ?? 0);
        if (request.upload !== undefined && restedMs < LIMITS.uploadInterruptedKeptMs.value)
          used.add(request.upload);
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
    // asked for last: a copy that was resumed meanwhile is among these
    for (const { stored } of this.#queue.all())
      if (stored.request.upload !== undefined) used.add(stored.request.upload);
    return used;
  }

  /** CW_JOB_UNKNOWN. */
  async show(id: string): Promise<JobView> {
    return this.#current(await this.#find(id));
  }

  /** Calls `listener` with each new view until the job has ended; returns a function that ends it before. */
  watch(id: string, listener: (view: JobView) => void): () => void {
    return this.#listeners.add(id, listener);
  }

  /** The same for all jobs; progress is told while `isWanted`. */
  watchAll(listener: (view: JobView) => void, isWanted: () => boolean): () => void {
    return this.#listeners.addToAll(listener, isWanted);
  }

  /** Takes a job out of the queue, or stops its copy where it is, until it is resumed. CW_JOB_UNKNOWN, CW_JOB_STATE, CW_DISK_*. */
  async pause(id: string): Promise<JobView> {
    const job = this.#queue.get(id);
    if (!job) throw await this.#refusal(id, 'paused');
    if (isEnding(job)) throw stateError(viewOf(job), 'paused');
    await this.#queue.stop(job, 'pause');
    return this.#durable(id);
  }

  /** Puts a paused or interrupted job into the queue again. CW_JOB_UNKNOWN, CW_JOB_STATE, CW_VM_UNKNOWN, CW_DISK_*. */
  async resume(id: string): Promise<JobView> {
    const job = this.#queue.get(id);
    if (!job) return this.#resumeEnded(id);
    if (isEnding(job)) throw stateError(viewOf(job), 'resumed');
    return (await this.#queue.resume(job)) ? this.show(id) : this.#resumeEnded(id);
  }

  /** Ends a copy and removes what it left. Answers within LIMITS.cancelGraceMs and a little. CW_JOB_UNKNOWN. */
  async cancel(id: string): Promise<JobView> {
    const job = this.#queue.get(id);
    if (job) await this.#queue.stop(job, 'cancel');
    const stored = await this.#find(id);
    if (stored.state === 'interrupted') await this.#cancelInterrupted(stored);
    return this.#durable(id);
  }

  /**
   * Takes back what a copy did that has ended; goes on until its machine has answered. CW_JOB_UNKNOWN, CW_JOB_STATE,
   * CW_UNDO_NONE, CW_VM_UNKNOWN, CW_DISK_*.
   */
  async undo(id: string, { begin = true, waitMs = 0 }: UndoJobRequest = {}): Promise<JobView> {
    const stored = await this.#find(id);
    if (!begin) {
      await this.#undo.ended(id, waitMs);
      return this.#durable(id);
    }
    const twin = this.#twinOf(stored.request);
    if (twin && twin.stored.id !== id)
      throw new CausewayError('CW_JOB_STATE', `the same copy is in the queue as job ${twin.stored.id}`);
    await this.#undo.start(stored);
    await this.#undo.ended(id, waitMs);
    return this.#durable(id);
  }

  /** Ends a copy and keeps what is there: the same copy resumes from it. CW_JOB_UNKNOWN. */
  async interrupt(id: string): Promise<JobView> {
    const job = this.#queue.get(id);
    if (job) await this.#queue.stop(job, 'interrupt');
    return this.#durable(id);
  }

  /** Stops all copies where they are; they go on when the daemon is started again. */
  async close(): Promise<void> {
    await this.#queue.close();
    await this.#saver.close();
  }

  #refuse(request: StartJobRequest): void {
    refuseMachines(request);
    for (const vm of vmsOf(request)) if (!this.#parts.machines.has(vm)) throw unknownVm(vm);
    for (const window of request.windows ?? []) parseTimeWindow(window);
  }

  async #make(requests: readonly StartJobRequest[], given?: string): Promise<Map<StartJobRequest, LiveJob>> {
    const { world, store } = this.#parts;
    const nowMs = Math.floor(world.clock.wallMs());
    const id = () => given ?? toHex(world.random.bytes(ID_BYTES));
    const jobs = new Map(requests.map((request) => [request, this.#queue.add(newJob(id(), request, nowMs))]));
    if (jobs.size === 0) return jobs;
    try {
      await store.put([...jobs.values()].map(({ stored }) => stored));
    } catch (failure) {
      for (const job of jobs.values()) this.#queue.drop(job);
      throw failure;
    }
    for (const job of jobs.values()) job.admitted = true;
    this.#queue.schedule();
    return jobs;
  }

  async #find(id: string): Promise<StoredJob> {
    const stored =
      this.#queue.get(id)?.stored ?? this.#saver.unsaved(id) ?? (await this.#parts.store.get(id));
    if (stored === null) throw new CausewayError('CW_JOB_UNKNOWN', `there is no job ${id}`);
    return stored;
  }

  #current(stored: StoredJob): JobView {
    const live = this.#queue.get(stored.id);
    if (live) return viewOf(live);
    const newest = this.#saver.unsaved(stored.id) ?? stored;
    return this.#undo.shown(newest, newest.view);
  }

  /** The view of a job whose change somebody asked for: what could not be stored is no success. CW_DISK_*. */
  async #durable(id: string): Promise<JobView> {
    const unsaved = this.#saver.unsaved(id);
    if (unsaved) await this.#saver.save(unsaved);
    return this.show(id);
  }

  /** The unfinished job of the same copy, unless it is about to end. */
  #twinOf(request: StartJobRequest): LiveJob | undefined {
    const key = toHex(transferIdOf(this.#parts.deviceId, request));
    return this.#queue.all().find((job) => job.key === key && !isEnding(job));
  }

  /** Where the job ends meanwhile, the copy is started afresh. */
  async #join(job: LiveJob, request: StartJobRequest): Promise<JobView> {
    const given = Object.entries(request).filter(([, value]) => value !== undefined);
    const joined: StartJobRequest = { ...job.stored.request, ...Object.fromEntries(given) };
    if (await this.#queue.resume(job, joined)) return this.show(job.stored.id);
    return this.start(request);
  }

  async #resumeEnded(id: string): Promise<JobView> {
    const stored = await this.#find(id);
    if (stored.state !== 'interrupted') throw stateError(this.#current(stored), 'resumed');
    const { request } = stored;
    if (stored.view.undo?.state === 'running')
      throw new CausewayError('CW_JOB_STATE', `job ${id} is being undone`);
    for (const vm of vmsOf(request)) if (!this.#parts.machines.has(vm)) throw unknownVm(vm);
    if (request.upload !== undefined && !this.#parts.uploads?.has(request.upload))
      throw new CausewayError('CW_UPLOAD_UNKNOWN', 'the files that were sent for it are not kept any more');
    const twin = this.#twinOf(request);
    if (twin)
      throw new CausewayError('CW_JOB_STATE', `the same copy is in the queue as job ${twin.stored.id}`);
    const job = this.#queue.add(stored);
    job.admitted = true;
    await this.#queue.resume(job);
    return this.show(id);
  }

  async #cancelInterrupted(stored: StoredJob): Promise<void> {
    const { id, request } = stored;
    const { world, machines, deviceId } = this.#parts;
    const twin = this.#twinOf(request);
    const { note, later } = twin
      ? { note: `what was copied so far is used by job ${twin.stored.id}`, later: null }
      : await discardRemains(machines, world.clock, {
          id,
          request,
          transferId: transferIdOf(deviceId, request),
        });
    const view: JobView = { ...stored.view, state: 'cancelled', note };
    await this.#saver.save({ ...stored, state: 'cancelled', view });
    this.#listeners.tell(view);
    if (later !== null) this.#noteLater(id, later);
  }

  async #refusal(id: string, verb: string): Promise<CausewayError> {
    return stateError((await this.#find(id)).view, verb);
  }

  #tellRemoval(id: string, settled: Promise<Removal>): void {
    const later = settled.then(async (removal) => removalNote(removal, (await this.#find(id)).request));
    this.#noteLater(id, later);
  }

  /** Says on a cancelled job how the late removal of its remains ended. */
  #noteLater(id: string, later: Promise<string>): void {
    const noted = later.then(async (note) => {
      const stored = await this.#find(id);
      if (stored.state !== 'cancelled') return;
      await this.#saver.save({ ...stored, view: { ...stored.view, note } });
    });
    observed(noted); // the job was forgotten meanwhile, or the saver tries on
  }
}

/** It was told to stop for good: nothing else can be done with it. */
function isEnding({ stored }: LiveJob): boolean {
  return stored.wish === 'cancel' || stored.wish === 'interrupt' || hasEnded(stored.state);
}

function newJob(id: string, request: StartJobRequest, createdAtMs: number): StoredJob {
  const job = {
    id,
    request,
    createdAtMs,
    state: 'waiting' as const,
    wish: null,
    started: false,
    retriesUsed: 0,
    notBeforeMs: null,
  };
  return { ...job, view: { ...NO_FIGURES, ...frameOf(job) } };
}

/** CW_USAGE, CW_COPY_SAME_SIDE. */
function refuseMachines({ direction, vm, fromVm }: StartJobRequest): void {
  if ((direction === 'between') !== (fromVm !== undefined))
    throw new CausewayError('CW_USAGE', 'fromVm belongs to a copy between two machines, and to no other');
  if (vm === fromVm)
    throw new CausewayError('CW_COPY_SAME_SIDE', `both the source and the destination are on ${vm}`);
}

function stateError({ id, state }: JobView, verb: string): CausewayError {
  return new CausewayError('CW_JOB_STATE', `job ${id} is ${state} and cannot be ${verb}`);
}

function unknownVm(name: string): CausewayError {
  return new CausewayError('CW_VM_UNKNOWN', `there is no machine ${name}`);
}
