import type { CachedFile } from './cached_file.ts';

/** A file that is open. */
export interface Handle {
  readonly file: CachedFile;
  /** Where the last read of it ended. */
  endAt: number;
  /** How much was read in order until there. */
  runBytes: number;
  /** What the other machine has answered about it. */
  readonly flags: number;
  readonly isReadOnly: boolean;
  /** Of the write lease under which it was opened; 0 without. */
  epoch: number;
}

/** One whose OPEN has no answer yet. */
export interface Opening {
  readonly file: CachedFile;
  readonly isReadOnly: boolean;
  /** The answer to OPEN, which waits for what is asked beside it. */
  held: Uint8Array | null;
  handle: Handle | null;
  /** The epoch of a write lease; null until it is known. */
  epoch: number | null;
}
