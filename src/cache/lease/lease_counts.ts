/** Upper bounds in seconds; what takes longer is in none. */
export const LEASE_WAIT_SECONDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10, 30];

/** How a holder of leases fares; counts since it came. */
export interface LeaseFigures {
  readonly held: number;
  readonly granted: number;
  /** Had to be let go of, since somebody was about to change the file, or to read what was on its way. */
  readonly broken: number;
  /** Had to be let go of after the file was changed by somebody who waits for nobody. */
  readonly recalled: number;
  /** Taken away, since the holder did not let go in time. */
  readonly fenced: number;
  /** What the holder itself waited for until others had let go. */
  readonly waits: {
    readonly count: number;
    /** In whole microseconds. */
    readonly sumUs: number;
    /** Waits up to each bound of {@link LEASE_WAIT_SECONDS}, those of smaller bounds included. */
    readonly upTo: readonly number[];
  };
}

/** Counts for one holder. */
export class LeaseCounts {
  granted = 0;
  broken = 0;
  recalled = 0;
  fenced = 0;
  readonly #begun = new Map<number, number>();
  readonly #upTo = LEASE_WAIT_SECONDS.map(() => 0);
  #waits = 0;
  #sumUs = 0;

  /** A claim of its own waits from now on. */
  begins(claim: number, nowMs: number): void {
    this.#begun.set(claim, nowMs);
  }

  /** Nobody is in the way of that claim any more. */
  goesOn(claim: number, nowMs: number): void {
    const begunMs = this.#begun.get(claim);
    if (begunMs === undefined) return;
    this.#begun.delete(claim);
    const tookMs = nowMs - begunMs;
    this.#waits += 1;
    this.#sumUs += Math.round(tookMs * 1_000);
    for (const [at, bound] of LEASE_WAIT_SECONDS.entries())
      if (tookMs / 1_000 <= bound) this.#upTo[at] = (this.#upTo[at] ?? 0) + 1;
  }

  figures(held: number): LeaseFigures {
    const { granted, broken, recalled, fenced } = this;
    const waits = { count: this.#waits, sumUs: this.#sumUs, upTo: [...this.#upTo] };
    return { held, granted, broken, recalled, fenced, waits };
  }
}
