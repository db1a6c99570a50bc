/** What a piece of work has done; `timesMs` where each part was timed. */
export interface LoadDone {
  readonly amount: number;
  readonly timesMs?: Float64Array;
  /** Where the work has timed itself, and left out what it had to prepare. */
  readonly elapsedMs?: number;
}

/** A piece of work that is ready to begin. */
export type LoadWork = () => LoadDone | Promise<LoadDone>;

/** What came is not what it should be. */
export function wrong(text: string): Error {
  return new Error(text);
}
