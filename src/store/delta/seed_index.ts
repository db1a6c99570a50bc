import { equalBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { ChunkList } from './chunk_list.ts';

/** A file that the destination has, and from which ranges can be copied: the old version, or another file. */
export interface DeltaSeed {
  readonly chunks: ChunkList;
  /** Its size as it is now: chunks that do not lie within are not used. */
  readonly sizeBytes: number;
}

/** One chunk of one seed. */
export interface SeedChunk {
  readonly seed: number;
  readonly index: number;
}

const NONE = -1;

/** Finds chunks of seeds by their hash. About 8 to 12 bytes a chunk beside the lists themselves. */
export class SeedIndex {
  readonly #seeds: readonly DeltaSeed[];
  /** Number of the first chunk of each seed, where all chunks are numbered through. */
  readonly #firsts: readonly number[];
  readonly #heads: Int32Array;
  readonly #next: Int32Array;

  constructor(seeds: readonly DeltaSeed[]) {
    this.#seeds = seeds;
    let count = 0;
    this.#firsts = seeds.map(({ chunks }) => {
      count += chunks.count;
      return count - chunks.count;
    });
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, count)))).fill(NONE);
    this.#next = new Int32Array(count).fill(NONE);
    // backwards, so that the first seed and its first chunk are found first
    for (let seed = seeds.length - 1; seed >= 0; seed -= 1) {
      for (let index = seeds[seed]!.chunks.count - 1; index >= 0; index -= 1) this.#insert({ seed, index });
    }
  }

  /** The first chunk with that hash and length; null where no seed has one within its size. */
  find(hash: Uint8Array, lengthBytes: number): SeedChunk | null {
    let number = this.#heads[this.#bucket(hash)]!;
    for (let step = 0; number !== NONE && step < LIMITS.deltaChainMax.value; step += 1) {
      const at = this.#at(number);
      if (this.holds(at, hash, lengthBytes)) return at;
      number = this.#next[number]!;
    }
    return null;
  }

  /** Whether that chunk of that seed exists, lies within the seed, and has that hash and length. */
  holds({ seed, index }: SeedChunk, hash: Uint8Array, lengthBytes: number): boolean {
    const { chunks, sizeBytes } = this.#seeds[seed]!;
    return (
      index >= 0 &&
      index < chunks.count &&
      chunks.length(index) === lengthBytes &&
      chunks.offset(index) + lengthBytes <= sizeBytes &&
      equalBytes(chunks.hash(index), hash)
    );
  }

  #insert(at: SeedChunk): void {
    const { chunks, sizeBytes } = this.#seeds[at.seed]!;
    if (chunks.offset(at.index) + chunks.length(at.index) > sizeBytes) return;
    const number = this.#firsts[at.seed]! + at.index;
    const bucket = this.#bucket(chunks.hash(at.index));
    this.#next[number] = this.#withoutEqual(bucket, chunks.hash(at.index));
    this.#heads[bucket] = number;
  }

  /** The head of a bucket; an equal chunk there gives way, so that content that repeats makes no long chain. */
  #withoutEqual(bucket: number, hash: Uint8Array): number {
    const head = this.#heads[bucket]!;
    if (head === NONE) return NONE;
    const { seed, index } = this.#at(head);
    return equalBytes(this.#seeds[seed]!.chunks.hash(index), hash) ? this.#next[head]! : head;
  }

  /** BLAKE3 is uniform, so its first bytes are as good as any mixing. */
  #bucket(hash: Uint8Array): number {
    const word = hash[0]! | (hash[1]! << 8) | (hash[2]! << 16) | (hash[3]! << 24);
    return word & (this.#heads.length - 1);
  }

  #at(number: number): SeedChunk {
    let seed = this.#firsts.length - 1;
    while (this.#firsts[seed]! > number) seed -= 1;
    return { seed, index: number - this.#firsts[seed]! };
  }
}
