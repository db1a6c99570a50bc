import { assert } from '../base/assert.ts';
import { HASH_BYTES, hashBytes } from '../base/hash.ts';
import { slabBytes } from '../base/slab.ts';

const MISSING = 0;
const WRITTEN = 1;
const DURABLE = 2;

/** Which chunks of one file are there, how safe they are, and their hashes. */
export class ChunkMap {
  readonly count: number;
  /** The hashes, then a byte of state for each chunk. */
  readonly #memory: Uint8Array;
  readonly #statesAt: number;
  #missing: number;

  constructor(count: number) {
    this.count = count;
    this.#missing = count;
    this.#statesAt = count * HASH_BYTES;
    this.#memory = slabBytes(this.#statesAt + count);
  }

  get missing(): number {
    return this.#missing;
  }

  has(index: number): boolean {
    return this.#state(index) !== MISSING;
  }

  isDurable(index: number): boolean {
    return this.#state(index) === DURABLE;
  }

  /** `hash` is copied. */
  written(index: number, hash: Uint8Array): void {
    assert(index < this.count, 'a chunk lies within its file');
    if (this.#state(index) === MISSING) this.#missing -= 1;
    this.#memory[this.#statesAt + index] = WRITTEN;
    this.#memory.set(hash, index * HASH_BYTES);
  }

  durable(index: number): void {
    if (this.#state(index) === WRITTEN) this.#memory[this.#statesAt + index] = DURABLE;
  }

  lost(index: number): void {
    if (this.#state(index) !== MISSING) this.#missing += 1;
    this.#memory[this.#statesAt + index] = MISSING;
  }

  hash(index: number): Uint8Array {
    return this.#memory.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  /** Hashes of `count` chunks in order, of all by default; zeros for a chunk that is not there. */
  hashes(first = 0, count = this.count): Uint8Array {
    return this.#memory.subarray(first * HASH_BYTES, (first + count) * HASH_BYTES);
  }

  /** BLAKE3 over the chunk hashes in order: the identity of the whole content, given the chunk size. */
  root(): Uint8Array {
    return hashBytes(this.hashes());
  }

  #state(index: number): number {
    return this.#memory[this.#statesAt + index] ?? MISSING;
  }
}

/** How many chunks a file of `sizeBytes` has. */
export function chunkCount(sizeBytes: number, chunkBytes: number): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** Length of the chunk at `index`; the last one may be shorter. */
export function chunkLength(sizeBytes: number, chunkBytes: number, index: number): number {
  return Math.min(chunkBytes, sizeBytes - index * chunkBytes);
}
