import { LIMITS } from '../../base/limits.ts';

const SLOTS = LIMITS.leaseSlots.value;
const TOTAL_AT = 0;
const LEASES_AT = 1;
const WRITE_LEASES_AT = LEASES_AT + SLOTS;
const WRITERS_AT = WRITE_LEASES_AT + SLOTS;
const FENCED_AT = WRITERS_AT + SLOTS;
const WORDS = FENCED_AT + SLOTS;

/**
 * How many leases there are and how many have files open for writing, by slots into which files fall: memory that all threads
 * which serve folders share. A writer counts itself before it looks for leases, and a lease is counted before it is looked for
 * writers, so that of two at the same moment at least one sees the other (Dekker).
 */
export class LeaseWords {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * WORDS);
  }

  /** FNV-1a (Fowler, Noll, Vo). */
  static slotOf(file: string): number {
    let hash = 0x811c9dc5;
    for (let at = 0; at < file.length; at += 1) hash = Math.imul(hash ^ file.charCodeAt(at), 0x01000193);
    return (hash >>> 0) % SLOTS;
  }

  /** Of all files. */
  get total(): number {
    return Atomics.load(this.#words, TOTAL_AT);
  }

  leases(slot: number): number {
    return Atomics.load(this.#words, LEASES_AT + slot);
  }

  writeLeases(slot: number): number {
    return Atomics.load(this.#words, WRITE_LEASES_AT + slot);
  }

  writers(slot: number): number {
    return Atomics.load(this.#words, WRITERS_AT + slot);
  }

  /** The highest epoch of a lease that was taken away; 0 where there was none. */
  fenced(slot: number): number {
    return Atomics.load(this.#words, FENCED_AT + slot);
  }

  /** Said before anybody goes on who has waited: threads that hear of it late see it here. */
  fence(slot: number, epoch: number): void {
    Atomics.store(this.#words, FENCED_AT + slot, Math.max(epoch, this.fenced(slot)));
  }

  addLease(slot: number, count: 1 | -1): void {
    Atomics.add(this.#words, TOTAL_AT, count);
    Atomics.add(this.#words, LEASES_AT + slot, count);
  }

  addWriteLease(slot: number, count: 1 | -1): void {
    Atomics.add(this.#words, WRITE_LEASES_AT + slot, count);
  }

  addWriter(slot: number, count: 1 | -1): void {
    Atomics.add(this.#words, WRITERS_AT + slot, count);
  }
}
