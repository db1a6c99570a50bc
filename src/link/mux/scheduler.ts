import { assert } from '../../base/assert.ts';
import { FairTurns } from '../../base/fair_turns.ts';
import { LIMITS } from '../../base/limits.ts';

/** Index in STREAM_CLASSES. */
export type ClassIndex = 0 | 1 | 2 | 3;

const CONTROL = 0;
const INTERACTIVE = 1;
const BULK = 2;
const BACKGROUND = 3;

interface DataClass {
  readonly index: typeof BULK | typeof BACKGROUND;
  readonly weight: number;
  turnAt: number;
}

/**
 * Lets `first` go before `second` while both wait, yet gives `second` one byte in ten: strict priority would starve it.
 */
class Preference {
  #owedBytes = 0;

  /** True when it is the turn of the second one although the first one waits too. */
  get secondIsDue(): boolean {
    return this.#owedBytes >= LIMITS.frameQuantumMaxBytes.value;
  }

  firstSent(sizeBytes: number, secondWaits: boolean): void {
    this.#owedBytes = secondWaits ? this.#owedBytes + sizeBytes / 9 : 0;
  }

  secondSent(sizeBytes: number): void {
    this.#owedBytes = Math.max(0, this.#owedBytes - sizeBytes);
  }
}

/**
 * Which class sends the next frame. Control goes before interactive, both before bulk and background; whoever stands
 * behind gets one byte in ten nevertheless, so control and interactive together have between 90 % and, when they ask
 * for less, all they ask for. Bulk and background share 4 : 1.
 */
export class ClassScheduler {
  readonly #urgentFirst = new Preference();
  readonly #controlFirst = new Preference();
  readonly #turns = new FairTurns<DataClass>();
  readonly #data: readonly [DataClass, DataClass] = [
    { index: BULK, weight: 4, turnAt: 0 },
    { index: BACKGROUND, weight: 1, turnAt: 0 },
  ];

  /** The class that sends next, of those for which `waits` is true; null when there is none. */
  next(waits: readonly boolean[]): ClassIndex | null {
    const urgent = waits[CONTROL] || waits[INTERACTIVE];
    const data = waits[BULK] || waits[BACKGROUND];
    if (urgent && !(data && this.#urgentFirst.secondIsDue)) {
      if (waits[CONTROL] && !(waits[INTERACTIVE] && this.#controlFirst.secondIsDue)) return CONTROL;
      return INTERACTIVE;
    }
    return data ? this.#nextOfData(waits) : null;
  }

  /** Whether the class carries data, in bulk or in the background. */
  static isData(index: ClassIndex): boolean {
    return index === BULK || index === BACKGROUND;
  }

  /** A frame of `sizeBytes` of class `index` was sent while the classes in `waits` waited. */
  sent(index: ClassIndex, sizeBytes: number, waits: readonly boolean[]): void {
    assert(sizeBytes > 0, 'a frame has a header');
    if (index === CONTROL || index === INTERACTIVE) {
      this.#urgentFirst.firstSent(sizeBytes, Boolean(waits[BULK] || waits[BACKGROUND]));
      if (index === CONTROL) this.#controlFirst.firstSent(sizeBytes, Boolean(waits[INTERACTIVE]));
      else this.#controlFirst.secondSent(sizeBytes);
      return;
    }
    this.#urgentFirst.secondSent(sizeBytes);
    const taker = this.#data[index - BULK] as DataClass;
    this.#turns.sent(taker, sizeBytes, taker.weight);
  }

  #nextOfData(waits: readonly boolean[]): ClassIndex {
    for (const taker of this.#data) {
      if (waits[taker.index]) this.#turns.wait(taker);
      else this.#turns.leave(taker);
    }
    return (this.#turns.next() as DataClass).index;
  }
}
