import { assert } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { JobView, StartJobRequest } from '../contract/schemas.ts';
import type { JobEnd } from '../transfer/copy_job.ts';
import { frameOf, type JobFigures } from './job_frame.ts';
import type { JobGround } from './job_ground.ts';
import type { JobListeners } from './job_listeners.ts';
import { discardRemains } from './job_remains.ts';
import { JobRun } from './job_run.ts';
import type { JobSaver } from './job_saver.ts';
import { hasEnded, type JobEvent, nextJobState } from './job_state.ts';
import type { JobWish, StoredJob } from './job_store.ts';
import { type LiveJob, liveJob, strongerWish, viewOf, windowsOf } from './live_job.ts';
import type { RunningPart } from './parts/supervised_part.ts';
import { planQueue, type QueueSituation, vmsOf } from './queue_plan.ts';
import { describeWait } from './queue_waits.ts';
import { QueueWindows } from './queue_windows.ts';
import { retryWaitMs } from './retry.ts';
import { retryReason } from './retry_policy.ts';
import { SharedSources } from './shared_sources.ts';
import { undoIdOf } from './transfer_id.ts';
import { stagedRequest } from './uploads/staged_request.ts';

export interface JobQueueParts extends JobGround {
  readonly saver: JobSaver;
  readonly listeners: JobListeners;
  /** The note of an ended job changes later. */
  readonly onLateNote: (id: string, later: Promise<string>) => void;
}

const RETRY_WAITS = { minMs: LIMITS.jobRetryMinMs.value, maxMs: LIMITS.jobRetryMaxMs.value };

/**
 * The jobs that have not ended: starts those whose turn it is, puts back what has to wait again, and brings each to its
 * end. What a job becomes is noted in the store before anybody is told of it.
 */
export class JobQueue {
  readonly #parts: JobQueueParts;
  readonly #jobs = new Map<string, LiveJob>();
  readonly #sources: SharedSources;
  #lastOrder = 0;
  #begun = false;
  /** Null while nothing is started. */
  #fail: ((failure: unknown) => void) | null = null;
  #closing = false;
  #timer = new AbortController();

  constructor(parts: JobQueueParts) {
    this.#parts = parts;
    this.#sources = new SharedSources(parts.world.clock);
  }

  get size(): number {
    return this.#jobs.size;
  }

  all(): LiveJob[] {
    return [...this.#jobs.values()];
  }

  get(id: string): LiveJob | undefined {
    return this.#jobs.get(id);
  }

  /** Takes a job in at the end of the queue; it may start once `admitted` is set. */
  add(stored: StoredJob): LiveJob {
    this.#lastOrder += 1;
    const job = liveJob(this.#parts.deviceId, stored, this.#lastOrder);
    this.#jobs.set(stored.id, job);
    return job;
  }

  /** Forgets a job that never came into the store. */
  drop(job: LiveJob): void {
    this.#jobs.delete(job.stored.id);
  }

  /** From now on jobs are started, until planning fails: then not before this is called again. Running copies go on. */
  begin(): RunningPart {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#fail = resolve;
    if (!this.#begun) {
      this.#begun = true;
      for (const job of this.all()) if (job.stored.wish !== null) void this.stop(job, job.stored.wish);
    }
    this.schedule();
    return { ended: promise, close: async () => this.#timer.abort() };
  }

  /** Starts and puts back what the plan says; called whenever something has changed that it depends on. */
  schedule(): void {
    const fail = this.#fail;
    if (fail === null || this.#closing) return;
    try {
      this.#plan();
    } catch (failure) {
      this.#fail = null;
      this.#timer.abort();
      fail(failure);
    }
  }

  #plan(): void {
    const { machines, world, localTime } = this.#parts;
    for (const job of this.all()) if (this.#missingVm(job) !== null) this.#machineGone(job);
    const nowMs = world.clock.wallMs();
    const windows = new QueueWindows(nowMs, localTime);
    const live = this.all().filter((job) => this.#missingVm(job) === null);
    const plan = planQueue(
      live.filter(isWaiting).map((job) => waitingJob(job, windows)),
      live.filter((job) => job.run !== null).map((job) => runningCopy(job, windows)),
      this.#situation(nowMs),
    );
    for (const id of plan.putBack) this.#jobs.get(id)?.run?.stop({ keep: true });
    for (const id of plan.start) this.#launch(this.#jobs.get(id)!);
    let dueMs = Number.POSITIVE_INFINITY;
    for (const [id, reason] of plan.waits) {
      const job = this.#jobs.get(id)!;
      const links = vmsOf(job.stored.request).map((vm) => ({ vm, state: machines.link(vm).state }));
      const windowOpensAtMs = windows.of(job).changesAtMs;
      const { offsetMs } = localTime;
      this.#noteWait(job, describeWait(reason, { job: job.stored, links, windowOpensAtMs, offsetMs }));
      if (reason !== 'machine')
        dueMs = Math.min(dueMs, job.waiting?.untilMs ?? dueMs, nowMs + LIMITS.queueRecheckMs.value);
    }
    for (const job of live)
      if (job.run !== null) dueMs = Math.min(dueMs, windows.of(job).changesAtMs ?? dueMs);
    this.#scheduleAgain(dueMs - nowMs);
  }

  /** Takes a job to where `wish` says; resolves when it is there, or has ended otherwise. */
  async stop(job: LiveJob, wish: JobWish): Promise<void> {
    const { saver } = this.#parts;
    while (job.becoming) await job.over;
    if (!this.#isLive(job)) return;
    if (job.over !== null && job.run === null) return job.over; // a stop goes on already
    const strongest = strongerWish(job.stored.wish, wish);
    job.stored = { ...job.stored, wish: strongest };
    if (job.run !== null) {
      saver.saveLater(job.stored);
      job.run.stop({ keep: strongest !== 'cancel' });
    } else {
      job.over = this.#stopResting(job, strongest);
    }
    await job.over;
    this.schedule();
  }

  /**
   * Lets a paused job wait again, takes back a pause that is not complete, ends the wait for a retry. False for a job
   * that has ended meanwhile. CW_DISK_*.
   */
  async resume(job: LiveJob, request: StartJobRequest = job.stored.request): Promise<boolean> {
    while (job.becoming) await job.over;
    if (!this.#isLive(job)) return false;
    const paused = job.stored.state === 'paused';
    const state = nextJobState(job.stored.state, 'resume');
    assert(state !== null, 'a live job can be resumed');
    job.stored = { ...job.stored, request, state, wish: null, notBeforeMs: null };
    job.windows = windowsOf(job.stored);
    if (paused) job.waiting = null;
    this.schedule();
    this.#parts.listeners.tell(viewOf(job));
    await this.#parts.saver.save(job.stored);
    return true;
  }

  /** Stops all copies where they are; they stay unfinished, so that the next daemon takes them up. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#timer.abort();
    for (const { run } of this.all()) run?.stop({ keep: true });
    await Promise.all(this.all().map(({ over }) => over));
  }

  #isLive(job: LiveJob): boolean {
    return this.#jobs.get(job.stored.id) === job;
  }

  #situation(nowMs: number): QueueSituation {
    const { machines } = this.#parts;
    return {
      nowMs,
      // a link that failed for good makes the copy fail with the reason
      reachable: (vm) => ['up', 'failed'].includes(machines.link(vm).state.kind),
      perVmMax: LIMITS.copiesPerVmMax.value,
      totalMax: LIMITS.copiesMax.value,
      yieldAfterMs: LIMITS.queueYieldMs.value,
      retryMaxMs: RETRY_WAITS.maxMs,
    };
  }

  #scheduleAgain(afterMs: number): void {
    this.#timer.abort();
    if (afterMs === Number.POSITIVE_INFINITY) return;
    this.#timer = new AbortController();
    const waitMs = Math.max(0, Math.min(afterMs, LIMITS.queueRecheckMs.value));
    this.#parts.world.clock.sleep(waitMs, this.#timer.signal).then(
      () => this.schedule(),
      () => undefined, // a later call has set another time
    );
  }

  #noteWait(job: LiveJob, waiting: NonNullable<JobView['waiting']>): void {
    const same = job.waiting?.text === waiting.text;
    job.waiting = waiting;
    if (!same) this.#parts.listeners.tell(viewOf(job));
  }

  #launch(job: LiveJob): void {
    const { world, machines, saver, listeners } = this.#parts;
    const { request, view } = job.stored;
    const state = nextJobState(job.stored.state, 'start');
    assert(state !== null, 'only a waiting job starts');
    job.waiting = null;
    job.stored = { ...job.stored, state, started: true, notBeforeMs: null };
    const noted = saver.save(job.stored);
    const shared = request.direction === 'in' ? this.#sources.join(request.group) : undefined;
    const gate = this.#parts.rates?.join(request);
    const run = new JobRun({
      world,
      copy: {
        link: machines.link(request.vm),
        from: request.fromVm === undefined ? undefined : machines.link(request.fromVm),
        routerOf: (mux) => machines.routerOf(mux),
        shared,
        gate,
      },
      request: stagedRequest(request, this.#parts.uploads),
      transferId: job.transferId,
      undoId: undoIdOf(this.#parts.deviceId, job.stored),
      earlier: view,
      // before the first byte: a daemon that does not know that the copy began would leave what a cancel is to remove
      ready: Promise.allSettled([noted, machines.remains.withdraw(request.vm, job.key)]),
      onProgress: () => {
        if (job.run !== null && listeners.has(job.stored.id)) listeners.tell(viewOf(job));
      },
    });
    job.run = run;
    listeners.tell(viewOf(job));
    job.over = run.ended.then((end) => {
      shared?.leave();
      gate?.leave();
      return this.#runEnded(job, run, end);
    });
  }

  async #runEnded(job: LiveJob, run: JobRun, end: JobEnd): Promise<void> {
    const { wish } = job.stored;
    const missing = this.#missingVm(job);
    const stopped = end.kind === 'interrupted' || end.kind === 'cancelled';
    if (this.#closing && stopped && wish === null) {
      job.run = null;
      return;
    }
    let later: Promise<string> | null = null;
    let actual = end;
    if (wish === 'cancel' && (stopped || end.kind === 'failed')) {
      const discarded = await this.#discard(job);
      later = discarded.later;
      actual = { kind: 'cancelled', leftover: discarded.note };
    } else if (stopped && missing !== null) {
      actual = { kind: 'failed', error: goneError(missing) };
    }
    const again = wish === null ? retryReason(job.stored, actual) : null;
    const event = again === null ? eventOf(actual, job.stored.wish) : 'retry';
    const figures = run.figures(actual);
    if (again === null) await this.#become(job, event, figures);
    else await this.#become(job, event, { ...figures, lastError: again }, this.#retryOf(job.stored));
    if (later !== null) this.#parts.onLateNote(job.stored.id, later);
    this.schedule();
  }

  #retryOf({ retriesUsed }: StoredJob): Partial<StoredJob> {
    const waitMs = retryWaitMs(retriesUsed + 1, RETRY_WAITS);
    return {
      retriesUsed: retriesUsed + 1,
      notBeforeMs: Math.floor(this.#parts.world.clock.wallMs() + waitMs),
    };
  }

  async #stopResting(job: LiveJob, wish: JobWish): Promise<void> {
    let note: string | null = job.stored.view.note;
    let later: Promise<string> | null = null;
    if (wish === 'cancel' && job.stored.started) {
      this.#parts.saver.saveLater(job.stored);
      ({ note, later } = await this.#discard(job));
    }
    await this.#become(job, wish, { ...viewOf(job), note });
    if (later !== null) this.#parts.onLateNote(job.stored.id, later);
  }

  #discard(job: LiveJob): ReturnType<typeof discardRemains> {
    const { id, request } = job.stored;
    const { machines, world } = this.#parts;
    return discardRemains(machines, world.clock, { id, request, transferId: job.transferId });
  }

  /** A machine of the copy that is no longer known; null while all are. */
  #missingVm(job: LiveJob): string | null {
    return vmsOf(job.stored.request).find((vm) => !this.#parts.machines.has(vm)) ?? null;
  }

  #machineGone(job: LiveJob): void {
    if (job.run !== null) return job.run.stop({ keep: true });
    if (job.over !== null || !job.admitted) return;
    const error = goneError(this.#missingVm(job)!).report();
    job.over = this.#become(job, 'fail', { ...viewOf(job), error });
  }

  /** Where the store refuses the new version, it is told all the same: the saver tries on. */
  async #become(
    job: LiveJob,
    event: JobEvent,
    figures: JobFigures,
    patch: Partial<StoredJob> = {},
  ): Promise<void> {
    const { world, saver, listeners } = this.#parts;
    const state = nextJobState(job.stored.state, event);
    assert(state !== null, `a ${job.stored.state} job takes the event ${event}`);
    const next = { ...job.stored, ...patch, state, wish: null };
    const endedAtMs = hasEnded(state) ? { endedAtMs: world.clock.wallMs() } : {};
    const view: JobView = { ...figures, ...frameOf(next, endedAtMs) };
    job.becoming = true;
    await saver.save({ ...next, view }).catch(() => undefined); // the saver tries again until the store takes it
    job.stored = { ...next, view };
    job.run = null;
    job.waiting = null;
    job.over = null;
    job.becoming = false;
    if (hasEnded(state)) this.#jobs.delete(job.stored.id);
    listeners.tell(hasEnded(state) ? view : viewOf(job));
  }
}

function isWaiting({ stored, run, over, admitted }: LiveJob): boolean {
  return admitted && stored.state === 'waiting' && stored.wish === null && run === null && over === null;
}

function waitingJob(job: LiveJob, windows: QueueWindows) {
  const { id, request, notBeforeMs } = job.stored;
  const { key, order } = job;
  const priority = request.priority ?? 0;
  const { vm, fromVm } = request;
  return { id, key, vm, fromVm, priority, order, notBeforeMs, windowOpen: windows.of(job).open };
}

function runningCopy(job: LiveJob, windows: QueueWindows) {
  const { id, request } = job.stored;
  const run = job.run!;
  return {
    id,
    key: job.key,
    vm: request.vm,
    fromVm: request.fromVm,
    windowOpen: windows.of(job).open,
    awayForMs: run.awayForMs(),
    stopping: run.stopping,
  };
}

function eventOf(end: JobEnd, wish: JobWish | null): JobEvent {
  switch (end.kind) {
    case 'done':
      return end.outcome.problems.length > 0 ? 'partial' : 'done';
    case 'failed':
      return 'fail';
    default:
      return wish ?? 'yield';
  }
}

function goneError(vm: string): CausewayError {
  return new CausewayError('CW_VM_UNKNOWN', `the machine ${vm} was removed`);
}
