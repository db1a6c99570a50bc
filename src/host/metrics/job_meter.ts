import type { JobView } from '../../contract/schemas.ts';
import type { Tallies } from '../../telemetry/tallies.ts';
import type { Clock } from '../../world/clock.ts';
import { hasEnded } from '../job_state.ts';

/** Figures of a copy as they were counted last; of the bytes that are durable, those of its last attempt. */
interface Seen {
  figures: Figures;
  stages: ReadonlyMap<string, JobView['stages'][number]>;
  /** When it began to wait, on the monotonic clock; null where it does not wait. */
  waitsSinceMs: number | null;
  isRunning: boolean;
  stallCause: string | null;
}

type Figures = Readonly<Record<keyof typeof COUNTERS, number>>;

const COUNTERS = {
  sent: 'causeway_job_sent_bytes',
  received: 'causeway_job_received_bytes',
  durable: 'causeway_job_durable_bytes',
  reused: 'causeway_job_reused_bytes',
  zero: 'causeway_job_zero_bytes',
  entries: 'causeway_job_entries',
  attempts: 'causeway_job_attempts',
} as const;

/**
 * Turns views of copies into counters: what a view says more than the one before is added. A view that says less belongs
 * to a new attempt, whose figures begin again.
 */
export class JobMeter {
  readonly #tallies: Tallies;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'wallMs'>;
  readonly #seen = new Map<string, Seen>();
  /** By machine, in ms since 1970 UTC. */
  readonly #lastDoneMs = new Map<string, number>();

  constructor(tallies: Tallies, clock: Pick<Clock, 'monotonicMs' | 'wallMs'>) {
    this.#tallies = tallies;
    this.#clock = clock;
  }

  get lastDoneMs(): ReadonlyMap<string, number> {
    return this.#lastDoneMs;
  }

  /** Takes in a new view of a copy. The first one of a copy is where counting begins. */
  observe(view: JobView): void {
    const before = this.#seen.get(view.id);
    if (before === undefined && view.endedAtMs !== null) return; // a note on a copy that ended before
    const seen = before ?? this.#begin(view);
    this.#count(view, seen);
    this.#noteQueue(view, seen);
    this.#noteStall(view, seen);
    if (hasEnded(view.state)) this.#end(view);
    else this.#seen.set(view.id, seen);
  }

  /** Forgets machines that are gone. */
  keep(vms: ReadonlySet<string>): void {
    for (const vm of this.#lastDoneMs.keys()) if (!vms.has(vm)) this.#lastDoneMs.delete(vm);
  }

  #begin(view: JobView): Seen {
    const { vm, direction } = view;
    const isNew = view.attempts === 0 && view.state !== 'paused';
    if (isNew) this.#tallies.add('causeway_jobs_started', { vm, direction });
    const waitedMs = isNew ? Math.max(0, this.#clock.wallMs() - view.createdAtMs) : 0;
    return {
      figures: figuresOf(view),
      stages: stagesOf(view),
      waitsSinceMs: this.#clock.monotonicMs() - waitedMs,
      isRunning: false,
      stallCause: null,
    };
  }

  #count(view: JobView, seen: Seen): void {
    const { vm, direction } = view;
    const figures = figuresOf(view);
    for (const name of Object.keys(COUNTERS) as (keyof Figures)[])
      this.#tallies.add(COUNTERS[name], { vm, direction }, grown(seen.figures[name], figures[name]));
    seen.figures = figures;
    const stages = stagesOf(view);
    for (const [key, stage] of stages) this.#countStage(vm, seen.stages.get(key), stage);
    seen.stages = stages;
  }

  #countStage(
    vm: string,
    before: JobView['stages'][number] | undefined,
    now: JobView['stages'][number],
  ): void {
    const labels = { vm, side: now.side, stage: now.stage };
    const seconds = (name: 'busyMs' | 'starvedMs' | 'blockedMs') =>
      grown(before?.[name] ?? 0, now[name] ?? 0) / 1_000;
    this.#tallies.add('causeway_stage_busy_seconds', labels, seconds('busyMs'));
    this.#tallies.add('causeway_stage_starved_seconds', labels, seconds('starvedMs'));
    this.#tallies.add('causeway_stage_blocked_seconds', labels, seconds('blockedMs'));
    this.#tallies.add('causeway_stage_bytes', labels, grown(before?.bytes ?? 0, now.bytes));
  }

  #noteQueue({ state, direction }: JobView, seen: Seen): void {
    const nowMs = this.#clock.monotonicMs();
    const isRunning = state === 'running';
    if (isRunning && !seen.isRunning && seen.waitsSinceMs !== null) {
      const waitedMs = nowMs - seen.waitsSinceMs;
      this.#tallies.observe('causeway_queue_wait_seconds', { direction }, waitedMs / 1_000);
    }
    seen.isRunning = isRunning;
    seen.waitsSinceMs = state === 'waiting' ? (seen.waitsSinceMs ?? nowMs) : null;
  }

  #noteStall({ vm, explanation, state }: JobView, seen: Seen): void {
    const stalled = state === 'running' && explanation?.kind === 'stalled' ? explanation.id : null;
    if (stalled !== null && seen.stallCause === null)
      this.#tallies.add('causeway_job_stalls', { vm, cause: stalled });
    seen.stallCause = stalled;
  }

  #end(view: JobView): void {
    const { id, vm, direction, state: outcome, elapsedMs, problems } = view;
    this.#seen.delete(id);
    this.#tallies.add('causeway_jobs_ended', { vm, direction, outcome });
    this.#tallies.observe('causeway_job_duration_seconds', { direction, outcome }, elapsedMs / 1_000);
    this.#tallies.add('causeway_job_problems', { vm, direction }, problems.length);
    if (outcome === 'done') this.#lastDoneMs.set(vm, view.endedAtMs ?? this.#clock.wallMs());
  }
}

function figuresOf(view: JobView): Figures {
  return {
    sent: view.sentBytes,
    received: view.receivedBytes,
    durable: Math.max(0, view.durableBytes - view.recoveredBytes),
    reused: view.reusedBytes,
    zero: view.zeroBytes,
    entries: view.doneEntries,
    attempts: view.attempts,
  };
}

function stagesOf({ stages }: JobView): Seen['stages'] {
  return new Map(stages.map((stage) => [`${stage.side} ${stage.stage}`, stage]));
}

function grown(before: number, now: number): number {
  return Math.max(0, now - before);
}
