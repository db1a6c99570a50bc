/** Who takes turns. `turnAt` starts at 0 and belongs to the turns from then on. */
export interface TurnTaker {
  turnAt: number;
}

/**
 * Whose turn it is among those who wait, so that each gets bytes in proportion to its weight while it waits: start-time
 * fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Who was away comes back where the others are now: it keeps no
 * credit, but it keeps what it was ahead by, so that to come with one piece at a time gains nothing. With `lenient` it
 * comes back where the others were at the last mark but one, so that who was away for a moment loses nothing.
 */
export class FairTurns<T extends TurnTaker> {
  readonly #waiting = new Set<T>();
  /** Bytes divided by weight that whoever had the last turn had had before it. */
  #now = 0;
  readonly #lenient: boolean;
  /** The same at the last two marks. */
  #marks: readonly [number, number] = [0, 0];

  constructor(options: { readonly lenient?: boolean } = {}) {
    this.#lenient = options.lenient ?? false;
  }

  get size(): number {
    return this.#waiting.size;
  }

  wait(taker: T): void {
    if (this.#waiting.has(taker)) return;
    taker.turnAt = Math.max(taker.turnAt, this.#lenient ? this.#marks[0] : this.#now);
    this.#waiting.add(taker);
  }

  leave(taker: T): void {
    this.#waiting.delete(taker);
  }

  /** Some time has passed. */
  mark(): void {
    this.#marks = [this.#marks[1], this.#now];
  }

  /** Among equals the one that has waited longest; null while nobody waits. */
  next(): T | null {
    let first: T | null = null;
    for (const taker of this.#waiting) if (first === null || taker.turnAt < first.turnAt) first = taker;
    return first;
  }

  /** It was the turn of `taker`, which has sent so many bytes. `weight` > 0. */
  sent(taker: T, sizeBytes: number, weight: number): void {
    this.#now = Math.max(this.#now, taker.turnAt);
    taker.turnAt += sizeBytes / weight;
  }
}
