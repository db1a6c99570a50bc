import { LIMITS } from '../../base/limits.ts';
import type { MuxStats } from '../../link/mux/mux.ts';
import type { EvidenceMember, SideEvidence } from '../../wire/evidence.ts';
import type { World } from '../../world/world.ts';
import type { SideReading } from '../copy_progress.ts';
import { MemoryWindow } from '../memory_window.ts';
import type { StageMeter } from '../stage_meter.ts';

/** How often the machine is asked: often enough for an answer within seconds, rarely enough to cost nothing. */
const EVERY_MS = 1_000;

export interface ProbeParts {
  readonly world: World;
  readonly meter: StageMeter;
  /** Figures of the link that the copy runs over. */
  readonly link?: (() => MuxStats) | undefined;
}

/** Gathers what one side knows of itself: processor, pressure, its end of the link, waits of the copy. */
export class EvidenceProbe {
  readonly #parts: ProbeParts;
  #latest: SideEvidence | null = null;
  #takenMs = Number.NEGATIVE_INFINITY;
  #told: SideEvidence | null = null;
  #freeBytes: number | null = null;
  #isLooking = false;
  readonly #memory = new MemoryWindow();

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  /** Pings come back so late that what is told piles up on its way: there is little room, and it is left to the copy. */
  get isBackedUp(): boolean {
    const stats = this.#parts.link?.();
    if (!stats) return false;
    return Math.max(stats.roundTripMs ?? 0, stats.unansweredMs) > LIMITS.progressSlowIntervalMs.value;
  }

  /** How this side stands now. */
  reading(): SideReading {
    const nowMs = this.#parts.world.clock.monotonicMs();
    return {
      atMs: nowMs,
      heardMs: nowMs,
      stages: this.#parts.meter.figures(),
      evidence: this.#upToDate(nowMs),
    };
  }

  /** What a copy may have on its way, with what the other side has told of itself. */
  windowBytes(remote: SideReading | null): number {
    return this.#memory.bytes(this.reading(), remote);
  }

  /** For the other side: the time on the clock here, and the evidence unless the same was told before. */
  untold(): { readonly atMs: number; readonly evidence: SideEvidence | null } {
    const nowMs = this.#parts.world.clock.monotonicMs();
    const evidence = this.#upToDate(nowMs);
    const isNew = evidence !== this.#told;
    this.#told = evidence;
    return { atMs: Math.round(nowMs), evidence: isNew ? evidence : null };
  }

  /** Asks for the free space of the destination. Evidence only: a disk that fails is told by what works on it, and is asked no more. */
  async lookAtSpace(look: () => Promise<number>): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      this.#freeBytes = await look();
      this.#isLooking = false;
    } catch {
      // stays busy: one failure is enough
    }
  }

  /** At most a second old. */
  #upToDate(nowMs: number): SideEvidence {
    if (this.#latest === null || nowMs - this.#takenMs >= EVERY_MS) {
      this.#latest = this.#gather();
      this.#takenMs = nowMs;
    }
    return this.#latest;
  }

  #gather(): SideEvidence {
    const { world, meter } = this.#parts;
    const evidence: Partial<Record<EvidenceMember, number>> = {};
    const add = (values: Partial<Record<EvidenceMember, number | null>>) => {
      for (const [member, value] of Object.entries(values))
        if (value !== null) evidence[member as EvidenceMember] = Math.max(0, Math.round(value));
    };
    const { cpuMs, mainThreadMs } = world.process.usage();
    add({ cpuMs, mainThreadMs, cpus: world.process.info.cpuCount, freeBytes: this.#freeBytes });
    add({ limitMs: meter.waitedMs('limit'), windowMs: meter.waitedMs('window') });
    const compress = meter.figures().find(({ stage }) => stage === 'compress');
    if (compress !== undefined) add({ compressMs: compress.busyMs });
    const strain = world.process.strain();
    if (strain !== null) add({ ...strain });
    this.#addLink(add);
    return evidence;
  }

  #addLink(add: (values: Partial<Record<EvidenceMember, number | null>>) => void): void {
    const stats = this.#parts.link?.();
    if (!stats) return;
    const { sendMs, inFlightBytes, windowBytes, roundTripMs, line } = stats;
    add({
      sendMs,
      inFlightBytes,
      windowBytes,
      roundTripUs: roundTripMs === null ? null : roundTripMs * 1000,
    });
    if (line === null) return;
    const { roundTripUs, sentSegments, resentSegments, peerWindowBytes, peerLimitedMs } = line;
    add({ roundTripUs, sentSegments, resentSegments, peerWindowBytes, peerLimitedMs });
  }
}
