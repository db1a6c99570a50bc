import { assert } from '../base/assert.ts';
import { HASH_BYTES, hashBytes } from '../base/hash.ts';

const MISSING = 0;
const WRITTEN = 1;
const DURABLE = 2;

/** Which chunks of one file are there, how safe they are, and their hashes. */
export class ChunkMap {
  readonly count: number;
  readonly #states: Uint8Array;
  readonly #hashes: Uint8Array;
  #missing: number;

  constructor(count: number) {
    this.count = count;
    this.#missing = count;
    this.#states = new Uint8Array(count);
    this.#hashes = new Uint8Array(count * HASH_BYTES);
  }

  get missing(): number {
    return this.#missing;
  }

  has(index: number): boolean {
    return this.#states[index] !== MISSING;
  }

  isDurable(index: number): boolean {
    return this.#states[index] === DURABLE;
  }

  written(index: number, hash: Uint8Array): void {
    assert(index < this.count, 'a chunk lies within its file');
    if (this.#states[index] === MISSING) this.#missing -= 1;
    this.#states[index] = WRITTEN;
    this.#hashes.set(hash, index * HASH_BYTES);
  }

  durable(index: number): void {
    if (this.#states[index] === WRITTEN) this.#states[index] = DURABLE;
  }

  lost(index: number): void {
    if (this.#states[index] !== MISSING) this.#missing += 1;
    this.#states[index] = MISSING;
  }

  hash(index: number): Uint8Array {
    return this.#hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  /** All hashes in order; zeros for a chunk that is not there. */
  hashes(): Uint8Array {
    return this.#hashes;
  }

  /** BLAKE3 over the chunk hashes in order: the identity of the whole content, given the chunk size. */
  root(): Uint8Array {
    return hashBytes(this.#hashes);
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
