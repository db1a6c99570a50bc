export interface RetryWaits {
  readonly minMs: number;
  readonly maxMs: number;
}

/** The wait after the n-th failure in a row (n ≥ 1), in ms: `minMs`, then twice the one before, at most `maxMs`. */
export function retryWaitMs(failures: number, { minMs, maxMs }: RetryWaits): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 40));
}
