import { hashKey } from './key_hash.ts';
import type { EvictionPolicy } from './policy.ts';

/** A small cache has about so many blocks: enough to be like the whole, few enough to cost nothing. */
const SAMPLED_BLOCKS = 1024;
const BLOCK_BYTES = 64 * 1024;
/** Hits are compared after so many sampled accesses, and older ones count for half each time. */
const PERIOD_ACCESSES = 512;
const WEIGHT_OF_THE_PAST = 0.8;
/** How much better than the first choice, in parts of all accesses, another one has to be. */
const MARGIN = 0.1;

type Miniature = EvictionPolicy<number> & { readonly indexBytes: number };

interface Candidate {
  readonly share: number;
  readonly policy: Miniature;
  hits: number;
}

/**
 * Which share suits what is going on, by caches in miniature (Waldspurger, Saemundsson, Ahmad, Park: "Cache modeling
 * and optimization using miniature simulations", USENIX ATC 2017): for each choice a policy of a size in proportion sees
 * the accesses of a sample of the keys, taken by their hash, and the one with the most hits lately wins.
 */
export class ShareTuner {
  readonly #candidates: readonly Candidate[];
  readonly #sampledHashes: number;
  #chosen: Candidate;
  #accesses = 0;
  #weight = 0;

  /** @param shares the first is the choice until another one has shown that it is better */
  constructor(
    capacityBytes: number,
    shares: readonly number[],
    make: (capacityBytes: number, share: number) => Miniature,
  ) {
    const rate = Math.min(1, (SAMPLED_BLOCKS * BLOCK_BYTES) / capacityBytes);
    this.#sampledHashes = rate * 2 ** 32;
    const sampledBytes = Math.max(1, Math.floor(capacityBytes * rate));
    this.#candidates = shares.map((share) => ({ share, policy: make(sampledBytes, share), hits: 0 }));
    this.#chosen = this.#candidates[0]!;
  }

  get share(): number {
    return this.#chosen.share;
  }

  get indexBytes(): number {
    return this.#candidates.reduce((sum, { policy }) => sum + policy.indexBytes, 0);
  }

  note(key: number, sizeBytes: number): void {
    if (hashKey(key) >= this.#sampledHashes) return;
    for (const candidate of this.#candidates) {
      if (candidate.policy.touch(key)) candidate.hits += 1;
      else candidate.policy.admit(key, sizeBytes);
    }
    this.#accesses += 1;
    if (this.#accesses >= PERIOD_ACCESSES) this.#choose();
  }

  #choose(): void {
    this.#weight += this.#accesses;
    const [first, ...others] = this.#candidates;
    let chosen = first!;
    for (const other of others)
      if (
        other.hits > first!.hits + (other === this.#chosen ? 0 : this.#weight * MARGIN) &&
        other.hits > chosen.hits
      )
        chosen = other;
    this.#chosen = chosen;
    for (const candidate of this.#candidates) candidate.hits *= WEIGHT_OF_THE_PAST;
    this.#weight *= WEIGHT_OF_THE_PAST;
    this.#accesses = 0;
  }
}
