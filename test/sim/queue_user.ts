import { equalBytes } from '../../src/base/bytes.ts';
import { asCausewayError, type ErrorCode } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import type { JobState, JobView, StartJobRequest } from '../../src/contract/schemas.ts';
import type { JobManager } from '../../src/host/job_manager.ts';
import { hasEnded } from '../../src/host/job_state.ts';
import type { Dice } from '../../src/world/sim/dice.ts';
import type { SimMachine } from '../../src/world/sim/machine.ts';
import type { SimDaemon } from './queue_parties.ts';

const CHUNK = LIMITS.chunkMinBytes.value;
const FILES = 10;
type Verb = 'pause' | 'resume' | 'interrupt' | 'cancel';

/** A job as the user knows it. */
interface KnownJob {
  readonly id: string;
  readonly request: StartJobRequest;
  /** What the user was told and only the user changes: an end, or a pause. */
  fixed: JobState | null;
  /** Calls that are not answered. */
  open: number;
  /** All calls that may have changed it. */
  calls: number;
  /** The daemon died before it answered a call, which may come into effect later. */
  uncertain: boolean;
}

/** Starts, pauses, resumes, interrupts and cancels copies at random, and holds the daemon to what it answers. */
export class QueueUser {
  readonly jobs = new Map<string, KnownJob>();
  /** From now on nothing new is asked for, and all is brought to its end. */
  healing = false;
  violation: string | null = null;
  answers = 0;
  settled = false;
  readonly #dice: Dice;
  readonly #host: SimMachine;
  readonly #guests: readonly SimMachine[];
  readonly #between: boolean;
  readonly #contents = new Map<string, Uint8Array>();
  #daemon: SimDaemon | null = null;
  #looking = false;

  /** With `between` half of the files go from one guest to another. */
  constructor(dice: Dice, host: SimMachine, guests: readonly SimMachine[], between: boolean) {
    this.#between = between;
    this.#dice = dice;
    this.#host = host;
    this.#guests = guests;
    host.disk.writeTree('/data', {});
    for (const machine of [host, ...guests]) machine.disk.writeTree('/dst', {});
    for (let n = 0; n < FILES; n += 1) {
      const content = dice.bytes(dice.between(0, 4) * CHUNK + dice.between(0, 2));
      this.#contents.set(`f${n}`, content);
      for (const machine of [host, ...guests]) machine.disk.writeTree('/src', { [`f${n}`]: content });
    }
  }

  /** A daemon serves. What an earlier one was asked and did not answer may have been done or not. */
  daemonUp(daemon: SimDaemon): void {
    this.#daemon = daemon;
    this.#looking = false;
    for (const job of this.jobs.values()) {
      if (job.open > 0) {
        job.fixed = null;
        job.uncertain = true;
      }
      job.open = 0;
    }
  }

  /** One thing that users do. */
  act(): void {
    const known = [...this.jobs.values()];
    const pick = this.#dice.between(0, 9);
    if (known.length === 0 || pick < 4) {
      // some users name many files in a row
      const burst = this.#dice.chance(0.15) ? 2 * LIMITS.copiesPerVmMax.value : 1;
      for (let n = 0; n < burst; n += 1) this.#start(this.#request());
      return;
    }
    const verbs: readonly Verb[] = ['pause', 'resume', 'interrupt', 'cancel', 'pause', 'resume'];
    this.#call(known[this.#dice.between(0, known.length - 1)]!, verbs[pick - 4]!);
  }

  /** Looks at what anybody can see. */
  look(): void {
    if (!this.#daemon) return;
    const running = this.#daemon.jobs.active().filter(({ state }) => state === 'running');
    if (running.length > LIMITS.copiesMax.value) this.#violate(`${running.length} copies run`);
    for (const { name } of this.#guests) {
      const here = running.filter(({ vm }) => vm === name);
      if (here.length > LIMITS.copiesPerVmMax.value) this.#violate(`${here.length} copies run with ${name}`);
      if (new Set(here.map(({ destination }) => destination)).size < here.length)
        this.#violate(`a copy runs twice with ${name}`);
    }
    if (!this.#looking) void this.#lookAtJobs(this.#daemon);
  }

  /**
   * After the faults: nothing is left undone, nothing is left over. A daemon that dies while its disk is full cannot
   * note what is still to be removed: then the next copy to that place removes it.
   */
  checkEnd(outcome: string, diskWasFull: boolean): void {
    const states = [...this.jobs.values()].map(({ id, fixed }) => `${id} ${fixed}`).join(', ');
    if (!this.settled) return this.#violate(`no end after the faults stopped: ${outcome}; ${states}`);
    for (const { request, fixed, id } of this.jobs.values()) {
      const shown = this.#sinkOf(request).disk.readFile(request.destination);
      if (fixed === 'done' && !(shown && equalBytes(shown, this.#contentOf(request))))
        this.#violate(`job ${id} is done and ${request.destination} is not what it copied`);
    }
    if (diskWasFull) return;
    for (const machine of [this.#host, ...this.#guests]) {
      // what undo keeps stays, and nothing else
      const isLeft = (path: string) => /\.causeway\/(?!undo(\/|$))/.test(path);
      const left = machine.disk.listAll('/dst').find(({ path }) => isLeft(path));
      if (left) this.#violate(`${machine.name}:${left.path} is left over; ${states}`);
    }
  }

  /** Each file goes one way and to each guest under its own name: equal destinations are equal copies. */
  #request(): StartJobRequest {
    const dice = this.#dice;
    const number = dice.between(0, FILES - 1);
    const outward = number === FILES - 1;
    const guest = this.#guests[outward ? 0 : dice.between(0, this.#guests.length - 1)]!;
    const across = this.#between && number < FILES / 2;
    const other = this.#guests.find((machine) => machine !== guest)!;
    return {
      direction: across ? 'between' : outward ? 'out' : 'in',
      vm: guest.name,
      ...(across && { fromVm: other.name }),
      sources: [`/src/f${number}`],
      destination: `/dst/f${number}`,
      chunkBytes: CHUNK,
      lanes: 2,
      priority: dice.between(-2, 2),
      retries: dice.chance(0.5) ? 100 : 0,
      ...(dice.chance(0.2) && { windows: [dice.chance(0.5) ? '00:05-23:30' : '23:50-23:40'] }),
    };
  }

  #start(request: StartJobRequest): void {
    if (!this.#daemon) return;
    // an unfinished job of the same copy is joined, and resumed
    const twins = [...this.jobs.values()].filter(
      ({ request: { vm, destination }, fixed }) =>
        vm === request.vm && destination === request.destination && (fixed === null || fixed === 'paused'),
    );
    for (const twin of twins) begin(twin);
    this.#daemon.jobs.start(request).then(
      (view) => {
        for (const twin of twins) end(twin);
        this.answers += 1;
        const job = this.jobs.get(view.id) ?? {
          id: view.id,
          request,
          fixed: null,
          open: 0,
          calls: 0,
          uncertain: false,
        };
        this.jobs.set(view.id, job);
      },
      (failure) => {
        for (const twin of twins) end(twin);
        this.#allow(failure, ['CW_DISK_FULL']);
      },
    );
  }

  #call(job: KnownJob, verb: Verb): void {
    if (!this.#daemon) return;
    begin(job);
    this.#daemon.jobs[verb](job.id).then(
      (view) => {
        end(job);
        this.answers += 1;
        job.uncertain = false;
        this.#noteFixed(job, view);
      },
      (failure) => {
        end(job);
        this.#allow(failure, ['CW_JOB_STATE', 'CW_DISK_FULL']);
      },
    );
  }

  async #lookAtJobs({ jobs, store }: SimDaemon): Promise<void> {
    this.#looking = true;
    for (const job of [...this.jobs.values()]) await this.#lookAt(jobs, job);
    this.#looking = false;
    this.settled =
      this.healing &&
      jobs.active().length === 0 &&
      [...this.jobs.values()].every(
        ({ fixed, open }) => ['done', 'cancelled'].includes(fixed ?? '') && open === 0,
      ) &&
      store.all().every(({ pendingDiscards }) => pendingDiscards.length === 0);
  }

  async #lookAt(jobs: JobManager, job: KnownJob): Promise<void> {
    const { calls } = job;
    const view = await jobs.show(job.id).catch((failure) => this.#allow(failure, []));
    if (!view || job.calls !== calls || job.open > 0) return;
    if (job.fixed !== null && job.fixed !== view.state)
      this.#violate(`job ${job.id} was ${job.fixed} and is ${view.state}`);
    this.#noteFixed(job, view);
    if (!this.healing) return;
    if (view.state === 'paused' || view.state === 'interrupted') this.#call(job, 'resume');
    if (view.state === 'failed' || view.state === 'partial') {
      this.jobs.delete(job.id); // it stays so: another job does its work
      this.#start(job.request);
    }
  }

  #noteFixed(job: KnownJob, { state }: JobView): void {
    // what was asked for at the same time may be done after the answer was made
    if (job.open === 0) job.fixed = hasEnded(state) || (state === 'paused' && !job.uncertain) ? state : null;
  }

  #sinkOf({ direction, vm }: StartJobRequest): SimMachine {
    return direction === 'out' ? this.#host : this.#guests.find(({ name }) => name === vm)!;
  }

  #contentOf({ sources }: StartJobRequest): Uint8Array {
    return this.#contents.get(sources[0]!.slice('/src/'.length))!;
  }

  #allow(failure: unknown, codes: readonly ErrorCode[]): undefined {
    const error = asCausewayError(failure);
    if (!codes.includes(error.code)) this.#violate(`${error.code}: ${error.message}\n${error.stack}`);
  }

  #violate(text: string): void {
    this.violation ??= text;
  }
}

function begin(job: KnownJob): void {
  job.open += 1;
  job.calls += 1;
  job.fixed = null;
}

/** A call of a daemon that has died was counted out already. */
function end(job: KnownJob): void {
  job.open = Math.max(0, job.open - 1);
}
