import { assert } from '../base/assert.ts';
import { HASH_BYTES, hashBytes } from '../base/hash.ts';
import { slabPlace } from '../base/slab.ts';

const MISSING = 0;
const WRITTEN = 1;
const DURABLE = 2;
/** An earlier attempt has noted it; nobody has looked yet. */
const CLAIMED = 3;
/** It was flushed, read and found to be right. */
const CHECKED = 4;

/** Which chunks of one file are there, how safe they are, and their hashes. */
export class ChunkMap {
  readonly count: number;
  /** The hashes from `#at` on, then a byte of state for each chunk; what is around it belongs to others. */
  readonly #memory: Uint8Array;
  readonly #at: number;
  readonly #statesAt: number;
  #missing: number;
  #claimed = 0;
  #hasHashes = true;

  constructor(count: number) {
    this.count = count;
    this.#missing = count;
    const { memory, at } = slabPlace(count * (HASH_BYTES + 1));
    this.#memory = memory;
    this.#at = at;
    this.#statesAt = at + count * HASH_BYTES;
  }

  get missing(): number {
    return this.#missing;
  }

  has(index: number): boolean {
    return this.#state(index) !== MISSING;
  }

  isDurable(index: number): boolean {
    return this.#state(index) === DURABLE || this.#state(index) === CHECKED;
  }

  /** `hash` is copied. */
  written(index: number, hash: Uint8Array): void {
    assert(index < this.count && hash.byteLength === HASH_BYTES, 'a chunk lies within its file');
    this.#set(index, WRITTEN);
    this.#memory.set(hash, this.#at + index * HASH_BYTES);
  }

  /** An earlier attempt says that it is there with this hash, which is copied. */
  claim(index: number, hash: Uint8Array): void {
    this.written(index, hash);
    this.#set(index, CLAIMED);
  }

  /** Chunks that were claimed and not looked at. */
  get claimed(): number {
    return this.#claimed;
  }

  isClaimed(index: number): boolean {
    return this.#state(index) === CLAIMED;
  }

  /** What was claimed is so. */
  check(index: number): void {
    assert(this.isClaimed(index), 'a claim is checked once');
    this.#set(index, CHECKED);
  }

  /** It was read and compared since it was written: there is no need to do it once more. */
  isChecked(index: number): boolean {
    return this.#state(index) === CHECKED;
  }

  /** All of the file is there, and was compared with the source itself: there are no hashes of it. */
  compared(): void {
    this.#hasHashes = false;
    for (let index = 0; index < this.count; index += 1) this.#set(index, CHECKED);
  }

  /** False where all was compared with the source itself. */
  get hasHashes(): boolean {
    return this.#hasHashes;
  }

  durable(index: number): void {
    if (this.#state(index) === WRITTEN) this.#set(index, DURABLE);
  }

  lost(index: number): void {
    this.#set(index, MISSING);
  }

  hash(index: number): Uint8Array {
    return this.hashes(index, 1);
  }

  /** Hashes of `count` chunks in order, of all by default; zeros for a chunk that is not there. */
  hashes(first = 0, count = this.count): Uint8Array {
    const end = Math.min(first + count, this.count);
    return this.#memory.subarray(this.#at + first * HASH_BYTES, this.#at + end * HASH_BYTES);
  }

  /** Copies all hashes to `at`. */
  putHashes(into: Uint8Array, at: number): void {
    const bytes = this.count * HASH_BYTES;
    for (let byte = 0; byte < bytes; byte += 1) into[at + byte] = this.#memory[this.#at + byte]!;
  }

  /** BLAKE3 over the chunk hashes in order: the identity of the whole content, given the chunk size. */
  root(): Uint8Array {
    return hashBytes(this.hashes());
  }

  #set(index: number, state: number): void {
    if (index >= this.count) return; // what follows belongs to another file
    const before = this.#state(index);
    if (before === MISSING) this.#missing -= 1;
    if (before === CLAIMED) this.#claimed -= 1;
    if (state === MISSING) this.#missing += 1;
    if (state === CLAIMED) this.#claimed += 1;
    this.#memory[this.#statesAt + index] = state;
  }

  #state(index: number): number {
    return index < this.count ? this.#memory[this.#statesAt + index]! : MISSING;
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
