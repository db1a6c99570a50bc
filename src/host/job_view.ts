import type { ErrorBody } from '../contract/part_schemas.ts';
import type { JobView } from '../contract/schemas.ts';
import type { LinkState } from '../link/link.ts';
import { addCompressed } from '../transfer/compress/compressed_sum.ts';
import type { CopyJob, JobEnd } from '../transfer/copy_job.ts';
import type { CopyView, SideReading } from '../transfer/copy_progress.ts';
import { diagnose, diagnoseFailure, type Explanation } from '../transfer/explain/diagnose.ts';
import type { Evidence, LinkNow, Side, SideNow } from '../transfer/explain/evidence.ts';
import { type Limiting, limiting } from '../transfer/explain/limiting.ts';
import { SideWindow } from '../transfer/explain/side_window.ts';
import { RateEstimator } from '../transfer/rate.ts';
import type { Clock } from '../world/clock.ts';
import type { JobFigures } from './job_frame.ts';
import { stageViews } from './stage_views.ts';
import { keptView } from './undo_view.ts';

/** Until everything is in place the percentage stays below 100. */
const PERCENT_BEFORE_DONE_MAX = 99.9;

/** Figures of earlier runs of a job that the next one goes on with. */
export type EarlierFigures = Pick<
  JobView,
  'percent' | 'elapsedMs' | 'attempts' | 'sentBytes' | 'receivedBytes' | 'stages' | 'undo' | 'compression'
>;

/**
 * Turns the raw figures of a copy into what people read: a percentage that never falls and is 100 only at the end, a
 * rate, a range for the time left, the stage that limits, a stall. Call `observe` regularly.
 */
export class JobTracker {
  readonly #earlier: EarlierFigures;
  readonly #clock: Clock;
  readonly #localSide: Side;
  readonly #isLocalSink: boolean;
  readonly #startedMs: number;
  readonly #rate = new RateEstimator();
  #percent: number | null;
  #lastMoveMs: number;
  #movedBytes = -1;
  #downSinceMs: number | null = null;
  readonly #local = new SideWindow();
  readonly #remote = new SideWindow();
  #limiting: Limiting | null = null;
  #explanation: Explanation | null = null;
  #quietMs = 0;
  #view: CopyView | null = null;
  #attempts = 0;
  #lastError: ErrorBody | null = null;
  #waiting = true;

  /** `localSide` is the side of the local figures of the copy's view; the remote ones are those of the guest. */
  constructor(earlier: EarlierFigures, clock: Clock, direction: JobView['direction']) {
    this.#localSide = direction === 'between' ? 'source' : 'host';
    this.#isLocalSink = direction === 'out';
    this.#earlier = earlier;
    this.#percent = earlier.percent;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#lastMoveMs = this.#startedMs;
  }

  observe(job: CopyJob, link: LinkState): void {
    const now = this.#clock.monotonicMs();
    const view = job.view();
    this.#attempts = job.attempts;
    this.#lastError = job.lastError?.report() ?? null;
    this.#waiting = link.kind !== 'up' && link.kind !== 'interrupted';
    this.#downSinceMs = link.kind === 'up' ? null : (this.#downSinceMs ?? now);
    this.#noteMoves(view, now);
    if (view && view.phase !== this.#view?.phase)
      for (const side of [this.#local, this.#remote]) side.restart();
    if (view?.local) this.#local.add(view.local);
    if (view?.remote) this.#remote.add(view.remote);
    const evidence = this.#evidence(view, link, now);
    this.#explanation = diagnose(evidence);
    this.#quietMs = evidence.quietMs;
    if (view === null) return;
    this.#view = view;
    this.#rate.sample(now, view.durableBytes);
    this.#percent = percentOf(view, this.#percent);
    this.#limiting = limiting(evidence) ?? this.#limiting;
  }

  /** What the copy is now; `end` once it has ended. */
  figures(end: JobEnd | null): JobFigures {
    const view = this.#view;
    const done = end?.kind === 'done';
    const ranMs = this.#clock.monotonicMs() - this.#startedMs;
    const { limiting: limit, explanation } =
      end === null ? { limiting: this.#limiting, explanation: this.#explanation } : this.#whole(end);
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
      zeroBytes: view?.zeroBytes ?? 0,
      compression: addCompressed(this.#earlier.compression ?? null, view?.compressed ?? null),
      durableBytes: view?.durableBytes ?? 0,
      recoveredBytes: view?.recoveredBytes ?? 0,
      percent: done ? 100 : this.#percent,
      rateBytesPerSecond: end === null ? this.#rate.rate() : averageRate(view, ranMs),
      remainingMs: remaining && { low: remaining.lowMs, high: remaining.highMs },
      limitingStage: limit && { ...limit },
      explanation: explanation && { ...explanation },
      stages: stageViews(view, this.#localSide, this.#earlier.stages),
      stall: end === null ? stallOf(this.#explanation, this.#quietMs) : null,
      attempts: this.#earlier.attempts + this.#attempts,
      lastError: this.#lastError,
      problems: [...(end?.kind === 'done' ? end.outcome.problems : (view?.problems ?? []))],
      error: end?.kind === 'failed' ? end.error.report() : null,
      note: noteOf(end, view),
      direct: view?.direct ? { ...view.direct, methods: [...view.direct.methods] } : null,
      undo: view?.undo ? keptView(view.undo) : this.#earlier.undo,
    };
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

  #evidence(view: CopyView | null, link: LinkState, now: number): Evidence {
    const silentMs = (reading: SideReading | null | undefined) => now - (reading?.heardMs ?? this.#startedMs);
    const local = { ...this.#local.now(), side: this.#localSide, silentMs: silentMs(view?.local) };
    const remote = { ...this.#remote.now(), side: 'guest', silentMs: silentMs(view?.remote) } as const;
    return {
      phase: view?.phase ?? 'planning',
      quietMs: now - this.#lastMoveMs,
      ...this.#byRole(local, remote),
      localSide: this.#localSide,
      link: linkNow(link, this.#downSinceMs === null ? 0 : now - this.#downSinceMs),
      leftBytes: leftBytes(view),
    };
  }

  #byRole(local: SideNow, remote: SideNow): { readonly source: SideNow; readonly sink: SideNow } {
    return this.#isLocalSink ? { source: remote, sink: local } : { source: local, sink: remote };
  }

  /** What limited the copy from the beginning of its last attempt to its end, or made it fail. */
  #whole(end: JobEnd): { limiting: Limiting | null; explanation: Explanation | null } {
    const local = { ...this.#local.whole(), side: this.#localSide, silentMs: 0 };
    const remote = { ...this.#remote.whole(), side: 'guest', silentMs: 0 } as const;
    const sides = this.#byRole(local, remote);
    if (end.kind === 'failed') {
      const explanation = diagnoseFailure(end.error.code, sides.sink, leftBytes(this.#view));
      return { limiting: this.#limiting, explanation };
    }
    const link = { up: true, downMs: 0, reached: null, error: null, machine: null };
    const whole = { phase: 'done', quietMs: 0, localSide: this.#localSide, link, leftBytes: 0 } as const;
    return { limiting: limiting(sides), explanation: diagnose({ ...whole, ...sides }) };
  }
}

function noteOf(end: JobEnd | null, view: CopyView | null): string | null {
  if (end?.kind === 'cancelled') return end.leftover;
  return view && view.notes.length > 0 ? view.notes.join('; ') : null;
}

function linkNow(state: LinkState, downMs: number): LinkNow {
  const reached = 'reached' in state ? (state.reached ?? null) : null;
  return { up: state.kind === 'up', downMs, reached, error: linkError(state), machine: null };
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

function stallOf(explanation: Explanation | null, forMs: number): JobView['stall'] {
  if (explanation?.kind !== 'stalled') return null;
  const { side, stage, cause, fix } = explanation;
  return { side, stage, forMs, cause, fix };
}

/** What the destination still has to take. */
function leftBytes(view: CopyView | null): number {
  if (view === null) return 0;
  const directBytes = (view.direct?.methods ?? []).reduce((sum, { bytes }) => sum + bytes, 0);
  return Math.max(0, view.plannedBytes - view.recoveredBytes - view.receivedBytes - directBytes);
}
