import { LIMITS } from '../base/limits.ts';

/** A chunk that takes longer to read, in ms, goes alone: nothing waits for one behind it. */
const QUICK_MS = 20;

/** How many chunks a lane of a source reads in one go: more while they come fast. */
export class RunLength {
  readonly #most: number;
  #count = 1;

  constructor(options: { readonly lanes: number; readonly chunkBytes: number }) {
    this.#most = longestRun(options);
  }

  /** At least 1. */
  get count(): number {
    return this.#count;
  }

  /** So many chunks were read in that time. */
  took(workMs: number, chunks: number): void {
    this.#count = workMs <= QUICK_MS * chunks ? Math.min(this.#most, this.#count * 2) : 1;
  }
}

/** All lanes together have no more than a quarter of what may be under way in such runs. */
function longestRun({ lanes, chunkBytes }: { readonly lanes: number; readonly chunkBytes: number }): number {
  const { chunkRunMax, sendWindowMaxBytes } = LIMITS;
  const share = Math.floor(sendWindowMaxBytes.value / (4 * lanes * chunkBytes));
  return Math.max(1, Math.min(chunkRunMax.value, share));
}
