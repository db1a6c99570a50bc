import type { ChunkList } from './chunk_list.ts';
import { type DeltaSeed, type SeedChunk, SeedIndex } from './seed_index.ts';

/** A range of the new version: its place, and the chunks that make it up. */
interface NewRange {
  readonly offset: number;
  readonly lengthBytes: number;
  readonly firstChunk: number;
  readonly chunkCount: number;
}

/** One step of rebuilding a file at its destination. Steps follow each other without a gap from 0 to the size of the file. */
export type DeltaStep =
  /** The destination has these bytes in a seed: copy the range, then check each chunk by its hash. */
  | (NewRange & { readonly kind: 'copy'; readonly seed: number; readonly seedOffset: number })
  | (NewRange & { readonly kind: 'send' })
  /** Zeros: nothing is written. */
  | (NewRange & { readonly kind: 'hole' });

/** A chunk of the new version, in order. */
export interface NewChunk {
  readonly hash: Uint8Array;
  readonly lengthBytes: number;
  readonly zero: boolean;
}

export interface DeltaTotals {
  readonly copyBytes: number;
  readonly sendBytes: number;
  readonly holeBytes: number;
}

/**
 * Plans how a new version of a file is made from what the destination has. Give it the chunks of the new version in order;
 * it gives each step once no further chunk can extend it, so that memory does not grow with the new version.
 *
 * A chunk is taken from a seed wherever it stands there: blocks that moved are found. Bytes that were shifted within a file
 * are found because content-defined cuts shift with them; fixed chunks are for files that are changed in place. So no
 * rolling checksum is searched at every byte, which is what makes rsync slow on large files, and a seed is read only where
 * a range of it is copied.
 *
 * The plan trusts the hashes it is given and nothing else: a range that reaches beyond the size of its seed is never
 * used, and whoever copies verifies every chunk, since a seed may have changed since its list was made.
 */
export class DeltaPlanner {
  readonly #seeds: readonly DeltaSeed[];
  readonly #index: SeedIndex;
  #open: DeltaStep | null = null;
  /** The chunk of a seed that the open copy ended with. */
  #lastCopied: SeedChunk | null = null;
  #offset = 0;
  #chunks = 0;
  #totals = { copy: 0, send: 0, hole: 0 };

  constructor(seeds: readonly DeltaSeed[]) {
    this.#seeds = seeds;
    this.#index = new SeedIndex(seeds);
  }

  get totals(): DeltaTotals {
    const { copy, send, hole } = this.#totals;
    return { copyBytes: copy, sendBytes: send, holeBytes: hole };
  }

  /** Takes the next chunk; gives the step before it where that one is complete, else null. */
  push(chunk: NewChunk): DeltaStep | null {
    const step = this.#stepOf(chunk);
    this.#offset += chunk.lengthBytes;
    this.#chunks += 1;
    this.#totals[step.kind] += chunk.lengthBytes;
    const joined = this.#open === null ? null : join(this.#open, step);
    const complete = joined === null ? this.#open : null;
    this.#open = joined ?? step;
    return complete;
  }

  /** The last step; null for an empty file. */
  finish(): DeltaStep | null {
    const last = this.#open;
    this.#open = null;
    this.#lastCopied = null;
    return last;
  }

  #stepOf(chunk: NewChunk): DeltaStep {
    const range: NewRange = {
      offset: this.#offset,
      lengthBytes: chunk.lengthBytes,
      firstChunk: this.#chunks,
      chunkCount: 1,
    };
    const source = chunk.zero ? null : this.#sourceOf(chunk);
    this.#lastCopied = source;
    if (chunk.zero) return { kind: 'hole', ...range };
    if (source === null) return { kind: 'send', ...range };
    const { seed, index } = source;
    return { kind: 'copy', ...range, seed, seedOffset: this.#seeds[seed]!.chunks.offset(index) };
  }

  /** Best the chunk that makes the open copy longer, then the one at the same place, then any. */
  #sourceOf({ hash, lengthBytes }: NewChunk): SeedChunk | null {
    if (this.#lastCopied !== null) {
      const following = { seed: this.#lastCopied.seed, index: this.#lastCopied.index + 1 };
      if (this.#index.holds(following, hash, lengthBytes)) return following;
    }
    const any = this.#index.find(hash, lengthBytes);
    if (any === null) return null;
    const samePlace = { seed: any.seed, index: this.#seeds[any.seed]!.chunks.indexAt(this.#offset) };
    return this.#index.holds(samePlace, hash, lengthBytes) ? samePlace : any;
  }
}

/** Both steps as one; null where they are of different kinds, or copy from places that do not follow each other. */
function join(before: DeltaStep, after: DeltaStep): DeltaStep | null {
  if (before.kind !== after.kind) return null;
  if (before.kind === 'copy' && after.kind === 'copy') {
    if (before.seed !== after.seed || before.seedOffset + before.lengthBytes !== after.seedOffset)
      return null;
  }
  return {
    ...before,
    lengthBytes: before.lengthBytes + after.lengthBytes,
    chunkCount: before.chunkCount + after.chunkCount,
  };
}

/** The whole plan at once, for a new version whose list is known. */
export function planDelta(seeds: readonly DeltaSeed[], version: ChunkList): DeltaStep[] {
  const planner = new DeltaPlanner(seeds);
  const steps: DeltaStep[] = [];
  for (let index = 0; index < version.count; index += 1) {
    const step = planner.push({
      hash: version.hash(index),
      lengthBytes: version.length(index),
      zero: version.isZero(index),
    });
    if (step !== null) steps.push(step);
  }
  const last = planner.finish();
  return last === null ? steps : [...steps, last];
}
