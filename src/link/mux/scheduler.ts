import { assert } from '../../base/assert.ts';
import { LIMITS } from '../../base/limits.ts';

/** Index in STREAM_CLASSES. */
export type ClassIndex = 0 | 1 | 2 | 3;

const CONTROL = 0;
const INTERACTIVE = 1;
const BULK = 2;
const BACKGROUND = 3;

const WEIGHTS = { [BULK]: 4, [BACKGROUND]: 1 } as const;

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
 * for less, all they ask for. Bulk and background share 4 : 1 by deficit round robin (Shreedhar and Varghese, 1995).
 */
export class ClassScheduler {
  readonly #urgentFirst = new Preference();
  readonly #controlFirst = new Preference();
  readonly #deficitBytes = { [BULK]: 0, [BACKGROUND]: 0 };
  #turn: typeof BULK | typeof BACKGROUND = BULK;

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
    this.#deficitBytes[index] -= sizeBytes;
  }

  #nextOfData(waits: readonly boolean[]): ClassIndex {
    if (!waits[BACKGROUND]) return this.#alone(BULK);
    if (!waits[BULK]) return this.#alone(BACKGROUND);
    while (this.#deficitBytes[this.#turn] <= 0) {
      this.#turn = this.#turn === BULK ? BACKGROUND : BULK;
      this.#deficitBytes[this.#turn] += WEIGHTS[this.#turn] * LIMITS.frameQuantumMaxBytes.value;
    }
    return this.#turn;
  }

  /** Nobody competes: no debt and no credit is kept from such a time. */
  #alone(index: typeof BULK | typeof BACKGROUND): ClassIndex {
    this.#deficitBytes[BULK] = 0;
    this.#deficitBytes[BACKGROUND] = 0;
    this.#turn = index;
    return index;
  }
}
