/** Time. The only source of it outside `world/node`. */
export interface Clock {
  /** Milliseconds of a clock that never goes back; its zero means nothing. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC; may jump. */
  wallMs(): number;
  /** Resolves after at least `durationMs`; rejects with the signal's reason (CW_CANCELLED) when it is aborted before. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

/** Chance. `fork` gives an independent source, so that a new user of chance does not shift the others. */
export interface Random {
  u32(): number;
  bytes(length: number): Uint8Array;
  fork(label: string): Random;
}
