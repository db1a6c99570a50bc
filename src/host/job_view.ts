import type { ErrorBody, JobView } from '../contract/schemas.ts';
import type { LinkState } from '../link/link.ts';
import type { CopyJob, JobEnd } from '../transfer/copy_job.ts';
import type { CopyView } from '../transfer/copy_progress.ts';
import { type LimitingStage, limitingStage } from '../transfer/limiting_stage.ts';
import { RateEstimator } from '../transfer/rate.ts';
import { diagnoseStall, type Side, type StallReport } from '../transfer/stall.ts';
import type { StageFigure } from '../wire/copy_types.ts';
import type { Clock } from '../world/clock.ts';
import type { JobFigures } from './job_frame.ts';
import { stageViews } from './stage_views.ts';

type BySide = Readonly<Partial<Record<Side, readonly StageFigure[]>>>;

/** Below this much time the limiting stage would be noise. */
const LIMITING_WINDOW_MS = 1_000;
/** Until everything is in place the percentage stays below 100. */
const PERCENT_BEFORE_DONE_MAX = 99.9;

/** Figures of earlier runs of a job that the next one goes on with. */
export type EarlierFigures = Pick<
  JobView,
  'percent' | 'elapsedMs' | 'attempts' | 'sentBytes' | 'receivedBytes' | 'stages'
>;

/**
 * Turns the raw figures of a copy into what people read: a percentage that never falls and is 100 only at the end, a
 * rate, a range for the time left, the stage that limits, a stall. Call `observe` regularly.
 */
export class JobTracker {
  readonly #earlier: EarlierFigures;
  readonly #clock: Clock;
  readonly #localSide: Side;
  readonly #startedMs: number;
  readonly #rate = new RateEstimator();
  #percent: number | null;
  #lastMoveMs: number;
  #movedBytes = -1;
  #window: { atMs: number; stages: BySide } | null = null;
  #limiting: LimitingStage | null = null;
  #stall: StallReport | null = null;
  #view: CopyView | null = null;
  #attempts = 0;
  #lastError: ErrorBody | null = null;
  #waiting = true;

  /** `localSide` is the side of the local stages of the copy's view; the remote ones are those of the guest. */
  constructor(earlier: EarlierFigures, clock: Clock, localSide: Side) {
    this.#localSide = localSide;
    this.#earlier = earlier;
    this.#percent = earlier.percent;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#lastMoveMs = this.#startedMs;
  }

  get stall(): StallReport | null {
    return this.#stall;
  }

  observe(job: CopyJob, link: LinkState): void {
    const now = this.#clock.monotonicMs();
    const view = job.view();
    this.#attempts = job.attempts;
    this.#lastError = job.lastError?.report() ?? null;
    this.#waiting = link.kind !== 'up' && link.kind !== 'interrupted';
    this.#noteMoves(view, now);
    this.#stall = diagnoseStall({
      nowMs: now,
      lastMoveMs: this.#lastMoveMs,
      peerHeardMs: view?.peerHeardMs ?? this.#startedMs,
      linkUp: link.kind === 'up',
      linkError: linkError(link),
      localSide: this.#localSide,
      localStages: view?.localStages ?? [],
      remoteStages: view?.remoteStages ?? [],
    });
    if (view === null) return;
    this.#view = view;
    this.#rate.sample(now, view.durableBytes);
    this.#percent = percentOf(view, this.#percent);
    this.#noteLimiting(view, now);
  }

  /** What the copy is now; `end` once it has ended. */
  figures(end: JobEnd | null): JobFigures {
    const view = this.#view;
    const done = end?.kind === 'done';
    const ranMs = this.#clock.monotonicMs() - this.#startedMs;
    const remaining =
      end === null && view && view.phase === 'copying'
        ? this.#rate.remaining(view.plannedBytes - view.durableBytes)
        : null;
    return {
      phase: done ? 'done' : this.#waiting && end === null ? 'waiting' : (view?.phase ?? 'planning'),
      elapsedMs: this.#earlier.elapsedMs + ranMs,
      plannedEntries: view?.plannedEntries ?? 0,
      plannedBytes: view?.plannedBytes ?? 0,
      doneEntries: view?.doneEntries ?? 0,
      sentBytes: this.#earlier.sentBytes + (view?.sentBytes ?? 0),
      receivedBytes: this.#earlier.receivedBytes + (view?.receivedBytes ?? 0),
      reusedBytes: view?.reusedBytes ?? 0,
      durableBytes: view?.durableBytes ?? 0,
      recoveredBytes: view?.recoveredBytes ?? 0,
      percent: done ? 100 : this.#percent,
      rateBytesPerSecond: end === null ? this.#rate.rate() : averageRate(view, ranMs),
      remainingMs: remaining && { low: remaining.lowMs, high: remaining.highMs },
      limitingStage: end === null ? this.#limiting && { ...this.#limiting } : this.#limitOfAll(view, ranMs),
      stages: stageViews(view, this.#localSide, this.#earlier.stages),
      stall: end === null && this.#stall ? { ...this.#stall } : null,
      attempts: this.#earlier.attempts + this.#attempts,
      lastError: this.#lastError,
      problems: [...(end?.kind === 'done' ? end.outcome.problems : (view?.problems ?? []))],
      error: end?.kind === 'failed' ? end.error.report() : null,
      note: noteOf(end, view),
    };
  }

  /** What limited the copy from its beginning to its end. */
  #limitOfAll(view: CopyView | null, ranMs: number): LimitingStage | null {
    if (view === null) return null;
    const stages: BySide = { [this.#localSide]: view.localStages, guest: view.remoteStages };
    return limitingStage({}, stages, ranMs);
  }

  #noteMoves(view: CopyView | null, now: number): void {
    if (view === null) return;
    this.#lastMoveMs = Math.max(this.#lastMoveMs, view.lastMoveMs);
    const moved = [...view.localStages, ...view.remoteStages].reduce(
      (sum, figure) => sum + figure.bytes,
      view.plannedEntries,
    );
    if (moved === this.#movedBytes) return;
    this.#movedBytes = moved;
    this.#lastMoveMs = now;
  }

  #noteLimiting(view: CopyView, now: number): void {
    const stages: BySide = { [this.#localSide]: view.localStages, guest: view.remoteStages };
    if (this.#window === null) {
      this.#window = { atMs: now, stages };
      return;
    }
    if (now - this.#window.atMs < LIMITING_WINDOW_MS) return;
    this.#limiting = limitingStage(this.#window.stages, stages, now - this.#window.atMs) ?? this.#limiting;
    this.#window = { atMs: now, stages };
  }
}

function noteOf(end: JobEnd | null, view: CopyView | null): string | null {
  if (end?.kind === 'cancelled') return end.leftover;
  return view && view.notes.length > 0 ? view.notes.join('; ') : null;
}

function linkError(state: LinkState): string | null {
  if (state.kind === 'connecting' || state.kind === 'interrupted') return state.lastError?.message ?? null;
  return state.kind === 'failed' ? state.error.message : null;
}

function percentOf(view: CopyView, before: number | null): number | null {
  if (view.phase === 'planning' || view.phase === 'checking') return before;
  const share =
    view.plannedBytes > 0
      ? view.durableBytes / view.plannedBytes
      : view.plannedEntries > 0
        ? view.doneEntries / view.plannedEntries
        : 0;
  const percent = Math.min(PERCENT_BEFORE_DONE_MAX, Math.floor(share * 1000) / 10);
  return Math.max(before ?? 0, percent);
}

function averageRate(view: CopyView | null, ranMs: number): number {
  if (view === null || ranMs <= 0) return 0;
  return ((view.durableBytes - Math.min(view.durableBytes, view.recoveredBytes)) / ranMs) * 1000;
}
