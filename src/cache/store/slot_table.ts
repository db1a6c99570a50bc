import { hashKey } from '../eviction/key_hash.ts';

const FIRST_ENTRIES = 128;

/**
 * Finds the slot of a key: open addressing with one number for a slot, as keys lie in {@link keys} anyway. 5 to 11 bytes
 * a key; a Map takes some 60, and has no more than 2^24 of them.
 */
export class SlotTable {
  /** Of each slot; its owner makes it longer. What is in the table must stay there until it is removed. */
  keys: Float64Array = new Float64Array(0);
  /** One more than the slot, 0 where there is none. */
  #entries = new Uint32Array(FIRST_ENTRIES);
  #mask = FIRST_ENTRIES - 1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** What it takes in memory, the keys included. */
  get indexBytes(): number {
    return this.keys.byteLength + this.#entries.byteLength;
  }

  /** The slot of a key, or -1. */
  find(key: number): number {
    for (let at = hashKey(key) & this.#mask; ; at = (at + 1) & this.#mask) {
      const entry = this.#entries[at] as number;
      if (entry === 0) return -1;
      if (this.keys[entry - 1] === key) return entry - 1;
    }
  }

  /** Adds the key that a slot has in {@link keys}, which is not in the table. */
  add(slot: number): void {
    this.#count += 1;
    if (this.#count * 4 > this.#entries.length * 3) this.#grow();
    this.#enter(slot);
  }

  /** Takes out a slot that is in the table, and closes the gap, so that no mark of what was removed has to be kept. */
  remove(slot: number): void {
    const entries = this.#entries;
    let gap = this.#homeOf(slot);
    while (entries[gap] !== slot + 1) gap = (gap + 1) & this.#mask;
    for (let at = (gap + 1) & this.#mask; ; at = (at + 1) & this.#mask) {
      const entry = entries[at] as number;
      if (entry === 0) break;
      const home = this.#homeOf(entry - 1);
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue;
      entries[gap] = entry;
      gap = at;
    }
    entries[gap] = 0;
    this.#count -= 1;
  }

  #homeOf(slot: number): number {
    return hashKey(this.keys[slot] as number) & this.#mask;
  }

  #enter(slot: number): void {
    let at = this.#homeOf(slot);
    while (this.#entries[at] !== 0) at = (at + 1) & this.#mask;
    this.#entries[at] = slot + 1;
  }

  #grow(): void {
    const before = this.#entries;
    this.#entries = new Uint32Array(before.length * 2);
    this.#mask = this.#entries.length - 1;
    for (const entry of before) if (entry !== 0) this.#enter(entry - 1);
  }
}
