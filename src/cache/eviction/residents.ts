import { assert } from '../../base/assert.ts';
import { hashKey } from './key_hash.ts';

const FIRST_SLOTS = 256;
/** From here on slots grow by a quarter at a time: memory for blocks that may never come is what an index must not take. */
const DOUBLING_UP_TO = 1 << 12;
const NONE = -1;
const SIZE_MAX_BYTES = 2 ** 32 - 1;

/**
 * Keys in queues, newest first, in typed arrays: 22 bytes a key, and 5 to 11 more for the table that finds it. A key has
 * a slot, which stays its own until it is removed; each slot has a mark of 8 bits that is the policy's own.
 */
export class Residents {
  #keys = new Float64Array(FIRST_SLOTS);
  #sizes = new Uint32Array(FIRST_SLOTS);
  #older = new Int32Array(FIRST_SLOTS);
  #newer = new Int32Array(FIRST_SLOTS);
  #queues = new Uint8Array(FIRST_SLOTS);
  /** Of each slot, the policy's own; another array after {@link add}. */
  marks: Uint8Array = new Uint8Array(FIRST_SLOTS);
  /** Slots by hash of the key, open addressing; one more than the slot, 0 where there is none. */
  #table = new Int32Array(FIRST_SLOTS * 2);
  #mask = FIRST_SLOTS * 2 - 1;
  #count = 0;
  #allBytes = 0;
  /** Slots from here on were never used. */
  #fresh = 0;
  /** Slots that are free again, linked by `#older`. */
  #free = NONE;
  readonly #oldest: Int32Array;
  readonly #newest: Int32Array;
  readonly #bytes: Float64Array;

  constructor(queueCount: number) {
    this.#oldest = new Int32Array(queueCount).fill(NONE);
    this.#newest = new Int32Array(queueCount).fill(NONE);
    this.#bytes = new Float64Array(queueCount);
  }

  get count(): number {
    return this.#count;
  }

  /** What all of it takes in memory. */
  get indexBytes(): number {
    return (
      this.#keys.byteLength +
      this.#sizes.byteLength +
      this.#older.byteLength +
      this.#newer.byteLength +
      this.#queues.byteLength +
      this.marks.byteLength +
      this.#table.byteLength
    );
  }

  /** The slot of a key, or -1. */
  slotOf(key: number): number {
    let at = hashKey(key) & this.#mask;
    for (;;) {
      const entry = this.#table[at]!;
      if (entry === 0) return NONE;
      if (this.#keys[entry - 1] === key) return entry - 1;
      at = (at + 1) & this.#mask;
    }
  }

  keyOf(slot: number): number {
    return this.#keys[slot]!;
  }

  sizeOf(slot: number): number {
    return this.#sizes[slot]!;
  }

  queueOf(slot: number): number {
    return this.#queues[slot]!;
  }

  /** Of all queues. */
  get bytes(): number {
    return this.#allBytes;
  }

  bytesIn(queue: number): number {
    return this.#bytes[queue]!;
  }

  /** The slot that has been in the queue longest, or -1. */
  oldest(queue: number): number {
    return this.#oldest[queue]!;
  }

  /** The slot that came to the queue last, or -1. */
  newest(queue: number): number {
    return this.#newest[queue]!;
  }

  /** Adds a key that is not there, as the newest of a queue, with mark 0; its slot. */
  add(key: number, sizeBytes: number, queue: number): number {
    assert(Number.isSafeInteger(key) && key >= 0, `a key of a cache is a whole number: ${key}`);
    assert(Number.isInteger(sizeBytes) && sizeBytes >= 1 && sizeBytes <= SIZE_MAX_BYTES, `size ${sizeBytes}`);
    const slot = this.#takeSlot();
    this.#keys[slot] = key;
    this.#sizes[slot] = sizeBytes;
    this.marks[slot] = 0;
    this.#count += 1;
    this.#allBytes += sizeBytes;
    if (this.#count * 4 > this.#table.length * 3) this.#growTable();
    this.#enter(slot);
    this.#link(slot, queue);
    return slot;
  }

  /** Makes a slot the newest of a queue. */
  move(slot: number, queue: number): void {
    this.#unlink(slot);
    this.#link(slot, queue);
  }

  resize(slot: number, sizeBytes: number): void {
    assert(Number.isInteger(sizeBytes) && sizeBytes >= 1 && sizeBytes <= SIZE_MAX_BYTES, `size ${sizeBytes}`);
    const queue = this.#queues[slot]!;
    const growthBytes = sizeBytes - this.#sizes[slot]!;
    this.#bytes[queue] = this.#bytes[queue]! + growthBytes;
    this.#allBytes += growthBytes;
    this.#sizes[slot] = sizeBytes;
  }

  remove(slot: number): void {
    this.#leave(slot);
    this.#unlink(slot);
    this.#count -= 1;
    this.#allBytes -= this.#sizes[slot]!;
    this.#older[slot] = this.#free;
    this.#free = slot;
  }

  #takeSlot(): number {
    if (this.#free !== NONE) {
      const slot = this.#free;
      this.#free = this.#older[slot]!;
      return slot;
    }
    if (this.#fresh === this.#keys.length) this.#growSlots();
    this.#fresh += 1;
    return this.#fresh - 1;
  }

  #growSlots(): void {
    const length = this.#keys.length;
    const longer = length < DOUBLING_UP_TO ? length * 2 : Math.ceil(length * 1.25);
    this.#keys = copyInto(new Float64Array(longer), this.#keys);
    this.#sizes = copyInto(new Uint32Array(longer), this.#sizes);
    this.#older = copyInto(new Int32Array(longer), this.#older);
    this.#newer = copyInto(new Int32Array(longer), this.#newer);
    this.#queues = copyInto(new Uint8Array(longer), this.#queues);
    this.marks = copyInto(new Uint8Array(longer), this.marks);
  }

  #growTable(): void {
    const before = this.#table;
    this.#table = new Int32Array(before.length * 2);
    this.#mask = this.#table.length - 1;
    for (const entry of before) if (entry !== 0) this.#enter(entry - 1);
  }

  #enter(slot: number): void {
    let at = hashKey(this.#keys[slot]!) & this.#mask;
    while (this.#table[at] !== 0) at = (at + 1) & this.#mask;
    this.#table[at] = slot + 1;
  }

  /** Takes a slot out of the table and closes the gap, so that no mark of a removed entry has to be kept. */
  #leave(slot: number): void {
    let gap = hashKey(this.#keys[slot]!) & this.#mask;
    while (this.#table[gap] !== slot + 1) gap = (gap + 1) & this.#mask;
    for (let at = (gap + 1) & this.#mask; ; at = (at + 1) & this.#mask) {
      const entry = this.#table[at]!;
      if (entry === 0) break;
      const home = hashKey(this.#keys[entry - 1]!) & this.#mask;
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue;
      this.#table[gap] = entry;
      gap = at;
    }
    this.#table[gap] = 0;
  }

  #link(slot: number, queue: number): void {
    const newest = this.#newest[queue]!;
    this.#older[slot] = newest;
    this.#newer[slot] = NONE;
    if (newest === NONE) this.#oldest[queue] = slot;
    else this.#newer[newest] = slot;
    this.#newest[queue] = slot;
    this.#queues[slot] = queue;
    this.#bytes[queue] = this.#bytes[queue]! + this.#sizes[slot]!;
  }

  #unlink(slot: number): void {
    const queue = this.#queues[slot]!;
    const [older, newer] = [this.#older[slot]!, this.#newer[slot]!];
    if (older === NONE) this.#oldest[queue] = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest[queue] = older;
    else this.#older[newer] = older;
    this.#bytes[queue] = this.#bytes[queue]! - this.#sizes[slot]!;
  }
}

function copyInto<T extends Float64Array | Uint32Array | Int32Array | Uint8Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
