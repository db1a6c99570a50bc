import type { ProgressMessage, StageFigure } from '../wire/copy_types.ts';
import type { SideEvidence } from '../wire/evidence.ts';
import type { Clock } from '../world/clock.ts';
import type { SideReading } from './copy_progress.ts';

/** What another side of a copy has told of itself so far. */
export class PeerProgress {
  readonly #clock: Clock;
  #latest: ProgressMessage | null = null;
  /** Comes with some messages only. */
  #evidence: SideEvidence | null = null;
  #figuresHeardMs: number;
  #heardMs: number;
  #lastMoveMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#heardMs = clock.monotonicMs();
    this.#figuresHeardMs = this.#heardMs;
  }

  /** Its newest counters; null before the first. */
  get latest(): ProgressMessage | null {
    return this.#latest;
  }

  /** Monotonic ms of its last message of any kind. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Monotonic ms at which something last went on there, as far as it tells. */
  get lastMoveMs(): number {
    return this.#lastMoveMs;
  }

  get stages(): readonly StageFigure[] {
    return this.#latest?.stages ?? [];
  }

  /** Any message shows that it is there; one of progress brings its figures. */
  heard(message: { readonly t: string } | ProgressMessage): void {
    this.#heardMs = this.#clock.monotonicMs();
    if (!isProgress(message)) return;
    this.#latest = message;
    this.#figuresHeardMs = this.#heardMs;
    if (message.quietMs !== null) this.#lastMoveMs = this.#heardMs - message.quietMs;
    if (message.evidence !== null) this.#evidence = message.evidence;
  }

  /** On its own clock, where it tells when it took the figures. Null before the first. */
  reading(): SideReading | null {
    const latest = this.#latest;
    if (latest === null) return null;
    const heardMs = this.#figuresHeardMs;
    return { atMs: latest.atMs ?? heardMs, heardMs, stages: latest.stages, evidence: this.#evidence };
  }
}

function isProgress(message: { readonly t: string }): message is ProgressMessage {
  return message.t === 'progress';
}
