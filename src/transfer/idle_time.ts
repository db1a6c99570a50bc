import { STAGES, type Stage } from '../wire/stages.ts';
import type { Clock } from '../world/clock.ts';

/** Waits that are no stage: for the rate that the user allows, and for the receiving side to settle what is in flight. */
export type Wait = 'limit' | 'window';

/** What a byte passes on its way, in order. */
const ORDER: readonly (Stage | Wait)[] = STAGES.flatMap((stage) =>
  stage === 'sourceRead' ? ['limit', stage] : stage === 'link' ? [stage, 'window'] : [stage],
);
const PLACE = new Map(ORDER.map((part, place) => [part, place]));

interface Idle {
  starvedMs: number;
  blockedMs: number;
}

/**
 * Why each stage of one side does nothing while another one works. A stage is starved while something before it in the
 * order works: it has nothing to do yet. It is blocked while only something behind it works, which does not take what
 * it has. While nothing works at all, no stage waits for another.
 */
export class IdleTime {
  readonly #clock: Clock;
  readonly #idle: readonly Idle[] = ORDER.map(() => ({ starvedMs: 0, blockedMs: 0 }));
  readonly #workedMs: number[] = ORDER.map(() => 0);
  readonly #active: number[] = ORDER.map(() => 0);
  #working = 0;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  begin(part: Stage | Wait): void {
    const place = PLACE.get(part)!;
    this.#active[place]! += 1;
    if (this.#active[place] === 1) this.#change(this.#working | (1 << place));
  }

  end(part: Stage | Wait): void {
    const place = PLACE.get(part)!;
    this.#active[place]! -= 1;
    if (this.#active[place] === 0) this.#change(this.#working & ~(1 << place));
  }

  /** Up to now. */
  of(stage: Stage): Readonly<Idle> {
    this.#change(this.#working);
    return this.#idle[PLACE.get(stage)!]!;
  }

  /** How long at least one waited like this, up to now. */
  waitedMs(wait: Wait): number {
    this.#change(this.#working);
    return this.#workedMs[PLACE.get(wait)!]!;
  }

  #change(working: number): void {
    const nowMs = this.#clock.monotonicMs();
    const lengthMs = nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    if (lengthMs > 0 && this.#working !== 0) this.#account(lengthMs);
    this.#working = working;
  }

  #account(lengthMs: number): void {
    for (let place = 0; place < this.#idle.length; place += 1) {
      const idle = this.#idle[place]!;
      const before = this.#working & ((1 << place) - 1);
      if ((this.#working >> place) & 1) this.#workedMs[place]! += lengthMs;
      else if (before !== 0) idle.starvedMs += lengthMs;
      else idle.blockedMs += lengthMs;
    }
  }
}
