import { hashKey } from './key_hash.ts';

const WAYS = 4;
const FIRST_ENTRIES = 256;
const ENTRIES_MAX = 2 ** 24;
/** Stamps count in units of which a ghost holds at most so many: a small part of the 32 bits in which they wrap. */
const UNITS_OF_A_GHOST = 2 ** 24;
const SMALLEST_BLOCK_BYTES = 4096;

/**
 * Remembers keys that were evicted while their bytes are among the last `capacityBytes` that were: the ghost queue of
 * S3-FIFO as its paper builds it, a table of 4-way buckets with a hash of the key and the moment of its eviction, counted
 * in evicted bytes. 8 bytes a key. It may forget early where a bucket is full, and take one key for another with a
 * chance of its entries in 2^32 (0.4 % at most): both cost a wrong guess about a block, never more.
 */
export class GhostTable {
  #hashes = new Uint32Array(FIRST_ENTRIES);
  #stamps = new Uint32Array(FIRST_ENTRIES);
  #evictedBytes = 0;
  /** Of the last so many entries, how many took the place of one that was remembered still. */
  #added = 0;
  #displaced = 0;
  readonly #capacityUnits: number;
  readonly #unitBytes: number;
  readonly #entriesMax: number;

  constructor(capacityBytes: number) {
    this.#unitBytes = Math.max(1, capacityBytes / UNITS_OF_A_GHOST);
    this.#capacityUnits = Math.floor(capacityBytes / this.#unitBytes);
    const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, capacityBytes / SMALLEST_BLOCK_BYTES) * 1.5));
    this.#entriesMax = Math.min(ENTRIES_MAX, Math.max(FIRST_ENTRIES, wanted));
  }

  get indexBytes(): number {
    return this.#hashes.byteLength + this.#stamps.byteLength;
  }

  add(key: number, sizeBytes: number): void {
    this.#evictedBytes += sizeBytes;
    const hash = tagOf(key);
    if (this.#put(hash, this.#now())) this.#displaced += 1;
    this.#added += 1;
    if (this.#added * 4 < this.#hashes.length) return;
    if (this.#displaced * 6 > this.#added && this.#hashes.length < this.#entriesMax) this.#grow();
    this.#added = 0;
    this.#displaced = 0;
  }

  /** Whether a key is remembered; it is not from then on. */
  take(key: number): boolean {
    const hash = tagOf(key);
    const now = this.#now();
    const first = this.#bucketOf(hash);
    for (let at = first; at < first + WAYS; at += 1) {
      if (this.#hashes[at] !== hash) continue;
      this.#hashes[at] = 0;
      if (this.#isLive(at, now)) return true;
    }
    return false;
  }

  #now(): number {
    return Math.floor(this.#evictedBytes / this.#unitBytes) >>> 0;
  }

  #isLive(at: number, now: number): boolean {
    return (now - this.#stamps[at]!) >>> 0 <= this.#capacityUnits;
  }

  #bucketOf(hash: number): number {
    return (hash & (this.#hashes.length / WAYS - 1)) * WAYS;
  }

  /** Writes over what is empty, or the same, or else the oldest of the bucket; whether that was remembered still. */
  #put(hash: number, stamp: number): boolean {
    const first = this.#bucketOf(hash);
    const now = this.#now();
    let chosen = first;
    let greatestAge = -1;
    for (let at = first; at < first + WAYS; at += 1) {
      const held = this.#hashes[at]!;
      const age = held === 0 || held === hash ? 2 ** 32 : (now - this.#stamps[at]!) >>> 0;
      if (age <= greatestAge) continue;
      greatestAge = age;
      chosen = at;
    }
    this.#hashes[chosen] = hash;
    this.#stamps[chosen] = stamp;
    return greatestAge <= this.#capacityUnits;
  }

  #grow(): void {
    const [hashes, stamps, now] = [this.#hashes, this.#stamps, this.#now()];
    this.#hashes = new Uint32Array(hashes.length * 2);
    this.#stamps = new Uint32Array(hashes.length * 2);
    for (let at = 0; at < hashes.length; at += 1) {
      const hash = hashes[at]!;
      const age = (now - stamps[at]!) >>> 0;
      if (hash !== 0 && age <= this.#capacityUnits) this.#put(hash, stamps[at]!);
    }
  }
}

/** The hash of a key, never 0, which means an empty place. */
function tagOf(key: number): number {
  return hashKey(key) || 1;
}
