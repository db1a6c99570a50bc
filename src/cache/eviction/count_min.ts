import { hashKey } from './key_hash.ts';

const ROWS = 4;
const COUNT_MAX = 15;
/** After so many notes for each counter of a row all counts are halved. */
const NOTES_PER_COUNTER = 10;

/**
 * How often keys were used lately, about: a count-min sketch (Cormode and Muthukrishnan 2005) of counters up to 15, all
 * of which are halved from time to time, so that what was popular once is forgotten.
 */
export class CountMin {
  readonly #counters: Uint8Array;
  readonly #width: number;
  #notes = 0;

  /** @param keyCount how many keys there may be about; the counters of a row are the next power of two */
  constructor(keyCount: number) {
    this.#width = 2 ** Math.ceil(Math.log2(Math.max(16, keyCount)));
    this.#counters = new Uint8Array(this.#width * ROWS);
  }

  get indexBytes(): number {
    return this.#counters.byteLength;
  }

  note(key: number): void {
    const least = this.countOf(key);
    if (least < COUNT_MAX) {
      for (let row = 0; row < ROWS; row += 1) {
        const at = this.#at(key, row);
        if (this.#counters[at] === least) this.#counters[at] = least + 1;
      }
    }
    this.#notes += 1;
    if (this.#notes < this.#width * NOTES_PER_COUNTER) return;
    this.#notes >>= 1;
    for (const [at, count] of this.#counters.entries()) this.#counters[at] = count >> 1;
  }

  /** Never less than the true count since the last halving, up to 15. */
  countOf(key: number): number {
    let least = COUNT_MAX;
    for (let row = 0; row < ROWS; row += 1) least = Math.min(least, this.#counters[this.#at(key, row)]!);
    return least;
  }

  /** One hash gives the places in all rows (Kirsch and Mitzenmacher 2006). */
  #at(key: number, row: number): number {
    const hash = hashKey(key);
    const step = (Math.imul(hash, 0x9e3779b1) >>> 15) | 1;
    return row * this.#width + ((hash + Math.imul(row, step)) & (this.#width - 1));
  }
}
