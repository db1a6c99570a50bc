import { EVIDENCE_MEMBERS, type EvidenceMember, type SideEvidence } from '../../wire/evidence.ts';
import { STAGES, type Stage } from '../../wire/stages.ts';
import type { SideReading } from '../copy_progress.ts';
import type { SideFigures, StageNow } from './evidence.ts';

/** How far back is looked: short enough to name a new cause within 10 s, long enough for slow operations to show. */
const WINDOW_MS = 5_000;

interface Sample {
  readonly atMs: number;
  readonly evidence: SideEvidence;
}

const NOTHING: SideFigures = { lengthMs: 0, stages: {}, rise: {}, last: {} };

/** The readings of one side over the last seconds, and over the whole copy. */
export class SideWindow {
  /** The first one is the newest that is at least as old as the window. */
  readonly #readings: SideReading[] = [];
  readonly #samples: Sample[] = [];
  #first: { readonly reading: SideReading; readonly sample: Sample | null } | null = null;

  add(reading: SideReading): void {
    const last = this.#readings.at(-1);
    if (last && reading.atMs === last.atMs) return;
    if (last && (reading.atMs < last.atMs || hasBegunAnew(last, reading))) this.#forget();
    this.#readings.push(reading);
    const isNew = reading.evidence !== null && reading.evidence !== this.#samples.at(-1)?.evidence;
    if (isNew) this.#samples.push({ atMs: reading.atMs, evidence: reading.evidence! });
    this.#first ??= { reading, sample: this.#samples[0] ?? null };
    if (this.#first.sample === null && this.#samples.length > 0)
      this.#first = { ...this.#first, sample: this.#samples[0]! };
    const fromMs = reading.atMs - WINDOW_MS;
    trim(this.#readings, fromMs);
    trim(this.#samples, fromMs);
  }

  /** What was before says nothing of what comes: another part of the copy begins. The whole is kept. */
  restart(): void {
    this.#readings.splice(0, this.#readings.length - 1);
    this.#samples.splice(0, this.#samples.length - 1);
  }

  /** The last seconds. */
  now(): SideFigures {
    return between(this.#readings[0], this.#samples[0] ?? null, this.#newest());
  }

  /** From the first reading on. */
  whole(): SideFigures {
    return between(this.#first?.reading, this.#first?.sample ?? null, this.#newest());
  }

  #newest(): { readonly reading: SideReading | undefined; readonly sample: Sample | null } {
    return { reading: this.#readings.at(-1), sample: this.#samples.at(-1) ?? null };
  }

  #forget(): void {
    this.#readings.length = 0;
    this.#samples.length = 0;
    this.#first = null;
  }
}

/** Sums that have fallen are those of another attempt. */
function hasBegunAnew(before: SideReading, now: SideReading): boolean {
  return before.stages.some(({ stage, bytes }) => {
    const later = now.stages.find((figure) => figure.stage === stage);
    return (later?.bytes ?? 0) < bytes;
  });
}

function trim(list: { readonly atMs: number }[], fromMs: number): void {
  while (list.length > 2 && list[1]!.atMs <= fromMs) list.shift();
}

function between(
  first: SideReading | undefined,
  firstSample: Sample | null,
  newest: { readonly reading: SideReading | undefined; readonly sample: Sample | null },
): SideFigures {
  const { reading, sample } = newest;
  if (!first || !reading) return NOTHING;
  const lengthMs = reading.atMs - first.atMs;
  const stages: Partial<Record<Stage, StageNow>> = {};
  for (const stage of STAGES) {
    const now = stageBetween(stage, first, reading, lengthMs);
    if (now !== null) stages[stage] = now;
  }
  return { lengthMs, stages, rise: riseBetween(firstSample, sample), last: sample?.evidence ?? {} };
}

function stageBetween(
  stage: Stage,
  first: SideReading,
  last: SideReading,
  lengthMs: number,
): StageNow | null {
  const now = last.stages.find((figure) => figure.stage === stage);
  if (!now) return null;
  const before = first.stages.find((figure) => figure.stage === stage);
  const share = (of: 'busyMs' | 'starvedMs' | 'blockedMs') =>
    lengthMs > 0 ? Math.min(1, Math.max(0, now[of] - (before?.[of] ?? 0)) / lengthMs) : 0;
  const bytes = Math.max(0, now.bytes - (before?.bytes ?? 0));
  return {
    busy: share('busyMs'),
    starved: share('starvedMs'),
    blocked: share('blockedMs'),
    bytesPerSecond: lengthMs > 0 ? (bytes / lengthMs) * 1000 : 0,
    activeMs: now.activeMs,
  };
}

function riseBetween(first: Sample | null, last: Sample | null): Partial<Record<EvidenceMember, number>> {
  const rise: Partial<Record<EvidenceMember, number>> = {};
  if (first === null || last === null || last.atMs <= first.atMs) return rise;
  for (const member of EVIDENCE_MEMBERS) {
    const [from, to] = [first.evidence[member], last.evidence[member]];
    if (from !== undefined && to !== undefined)
      rise[member] = Math.max(0, to - from) / (last.atMs - first.atMs);
  }
  return rise;
}
