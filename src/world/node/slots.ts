/** Behind which the states of the slots stand: how often one was given back. */
const GIVES = 0;

/**
 * Pieces of shared memory of one size that two threads hand to each other: who has one writes to it, nobody else does.
 * One side takes them, whoever has read what lies there gives them back.
 */
export class Slots {
  readonly slotBytes: number;
  readonly #states: Int32Array;
  readonly #at: number;

  /** `states` is what {@link statesFor} made; the slots lie one after the other from `at` on. */
  constructor(states: SharedArrayBuffer, at: number, slotBytes: number) {
    this.#states = new Int32Array(states);
    this.#at = at;
    this.slotBytes = slotBytes;
  }

  static statesFor(count: number): SharedArrayBuffer {
    return new SharedArrayBuffer((count + 1) * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Where a slot begins. */
  placeOf(slot: number): number {
    return this.#at + slot * this.slotBytes;
  }

  /** How many are free. */
  get free(): number {
    let count = 0;
    for (let index = 1; index < this.#states.length; index += 1)
      if (Atomics.load(this.#states, index) === 0) count += 1;
    return count;
  }

  /** -1 where none is free. */
  take(): number {
    for (let index = 1; index < this.#states.length; index += 1)
      if (Atomics.compareExchange(this.#states, index, 0, 1) === 0) return index - 1;
    return -1;
  }

  /** The same, which waits for one: not on a main thread. */
  takeWaiting(): number {
    for (;;) {
      const gives = Atomics.load(this.#states, GIVES);
      const slot = this.take();
      if (slot >= 0) return slot;
      Atomics.wait(this.#states, GIVES, gives);
    }
  }

  give(slot: number): void {
    Atomics.store(this.#states, slot + 1, 0);
    Atomics.add(this.#states, GIVES, 1);
    Atomics.notify(this.#states, GIVES);
  }
}
