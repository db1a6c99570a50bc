import { hashKey } from '../eviction/key_hash.ts';
import { Residents } from '../eviction/residents.ts';

const ALL = 0;
const SEEN_MAX = 255;
const NONE = -1;

/**
 * The last accesses, each linked to the next one of the same stream, and where each key came last: what was read after a
 * block, the time before. Records are numbered from 0; those that are too old are gone.
 */
export class History {
  readonly #keys: Float64Array;
  readonly #next: Float64Array;
  readonly #known = new Residents(1);
  /** The last record of a key, by its slot. */
  readonly #latest: Float64Array;
  /** The last record of a key right after another one, by a hash of both; another pair may have taken the place. */
  readonly #pairs: Float64Array;
  readonly #length: number;
  readonly #keysMax: number;
  #count = 0;

  constructor(length: number, keysMax: number) {
    this.#length = length;
    this.#keysMax = keysMax;
    this.#keys = new Float64Array(length);
    this.#next = new Float64Array(length);
    this.#latest = new Float64Array(keysMax);
    this.#pairs = new Float64Array(length).fill(NONE);
  }

  get indexBytes(): number {
    return 3 * this.#keys.byteLength + this.#latest.byteLength + this.#known.indexBytes;
  }

  /** The record of a key's last access, or -1. */
  latest(key: number): number {
    const slot = this.#known.slotOf(key);
    if (slot < 0) return NONE;
    const record = this.#latest[slot]!;
    return this.has(record) ? record : NONE;
  }

  /** The record of a key's last access right after `previous`, a record of the same stream, or -1. */
  latestAfter(previous: number, key: number): number {
    if (!this.has(previous)) return NONE;
    const record = this.#pairs[this.#pairAt(previous, key)]!;
    return this.has(record) && this.keyAt(record) === key ? record : NONE;
  }

  /** How many accesses of a key were noted, up to 255. */
  seen(key: number): number {
    const slot = this.#known.slotOf(key);
    return slot < 0 ? 0 : this.#known.marks[slot]!;
  }

  /** The size of a key when it was noted first, 0 where it is not known. */
  sizeOf(key: number): number {
    const slot = this.#known.slotOf(key);
    return slot < 0 ? 0 : this.#known.sizeOf(slot);
  }

  has(record: number): boolean {
    return record >= 0 && record >= this.#count - this.#length;
  }

  keyAt(record: number): number {
    return this.#keys[record % this.#length]!;
  }

  /** The record that followed in its stream, or -1. */
  after(record: number): number {
    const next = this.#next[record % this.#length]!;
    return this.has(next) ? next : NONE;
  }

  /** Notes an access after `previous`, the last record of its stream or -1; the new record. */
  add(key: number, sizeBytes: number, previous: number): number {
    const record = this.#count;
    this.#count += 1;
    this.#keys[record % this.#length] = key;
    this.#next[record % this.#length] = NONE;
    if (this.has(previous)) {
      this.#next[previous % this.#length] = record;
      this.#pairs[this.#pairAt(previous, key)] = record;
    }
    let slot = this.#known.slotOf(key);
    if (slot >= 0) this.#known.move(slot, ALL);
    else {
      if (this.#known.count >= this.#keysMax) this.#known.remove(this.#known.oldest(ALL));
      slot = this.#known.add(key, sizeBytes, ALL);
    }
    const seen = this.#known.marks[slot]!;
    if (seen < SEEN_MAX) this.#known.marks[slot] = seen + 1;
    this.#latest[slot] = record;
    return record;
  }

  #pairAt(previous: number, key: number): number {
    return hashKey(hashKey(this.keyAt(previous)) * 2 ** 20 + (hashKey(key) >>> 12)) % this.#length;
  }
}
