/** Who takes turns. `turnAt` starts at 0 and belongs to the turns from then on. */
export interface TurnTaker {
  turnAt: number;
}

/**
 * Whose turn it is among those who wait, so that each gets bytes in proportion to its weight while it waits: start-time
 * fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Who was away comes back where the others are now: it keeps no
 * credit, but it keeps what it was ahead by, so that to come with one piece at a time gains nothing.
 */
export class FairTurns<T extends TurnTaker> {
  readonly #waiting = new Set<T>();
  /** Bytes divided by weight that whoever had the last turn had had before it. */
  #now = 0;

  get size(): number {
    return this.#waiting.size;
  }

  wait(taker: T): void {
    if (this.#waiting.has(taker)) return;
    taker.turnAt = Math.max(taker.turnAt, this.#now);
    this.#waiting.add(taker);
  }

  leave(taker: T): void {
    this.#waiting.delete(taker);
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
