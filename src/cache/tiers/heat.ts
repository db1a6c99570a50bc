import { LIMITS } from '../../base/limits.ts';
import { hashKey } from '../eviction/key_hash.ts';

const ROWS = 2;
const WIDTH_MIN = 1_024;
/** What one use counts, so that parts of it are left when it cools. */
const USE = 256;
const COUNT_MAX = 0xffff;
/** A window is cooled in so many steps; after all of them an eighth is left. */
const STEPS = 12;
const COOLED = 2 ** (-3 / STEPS);

/**
 * How hot blocks are: how often they were used, an older use counting less: half after a third of the window
 * (LIMITS.cacheTierWindowMs), an eighth after all of it. A count-min sketch (Cormode and Muthukrishnan 2005, with the
 * conservative update of Estan and Varghese 2002) of two rows, so that memory does not grow with what was ever seen: a
 * block may seem hotter than it is, never cooler. All cool alike, so that time alone changes no order among them.
 */
export class Heat {
  readonly #counters: Uint16Array;
  readonly #mask: number;
  readonly #stepMs: number;
  #cooledMs: number;

  /** @param blockCount how many blocks there may be, about; bounded by LIMITS.cacheTierHeatCounters */
  constructor(blockCount: number, nowMs: number) {
    const wanted = Math.min(Math.max(blockCount, WIDTH_MIN), LIMITS.cacheTierHeatCounters.value);
    const width = 2 ** Math.ceil(Math.log2(wanted));
    this.#counters = new Uint16Array(width * ROWS);
    this.#mask = width - 1;
    this.#stepMs = LIMITS.cacheTierWindowMs.value / STEPS;
    this.#cooledMs = nowMs;
  }

  get indexBytes(): number {
    return this.#counters.byteLength;
  }

  /** A number for a block of a file, whichever version. */
  static keyOf(file: string, block: number): number {
    let hash = 0x811c9dc5; // FNV-1a
    for (let at = 0; at < file.length; at += 1) hash = Math.imul(hash ^ file.charCodeAt(at), 0x01000193);
    return hashKey((hash >>> 0) * 2 ** 20 + (block % 2 ** 20));
  }

  /** Notes a use; how hot it is with it, in uses. */
  use(key: number, nowMs: number): number {
    this.#cool(nowMs);
    const [one, two] = [this.#at(key, 0), this.#at(key, 1)];
    const count = Math.min(COUNT_MAX, this.#least(one, two) + USE);
    this.#counters[one] = Math.max(count, this.#counters[one] as number);
    this.#counters[two] = Math.max(count, this.#counters[two] as number);
    return count / USE;
  }

  /** In uses. */
  of(key: number, nowMs: number): number {
    this.#cool(nowMs);
    return this.#least(this.#at(key, 0), this.#at(key, 1)) / USE;
  }

  #least(one: number, two: number): number {
    return Math.min(this.#counters[one] as number, this.#counters[two] as number);
  }

  #at(key: number, row: number): number {
    const place = row === 0 ? key : hashKey(key ^ 0x5bd1e995);
    return row * (this.#mask + 1) + (place & this.#mask);
  }

  /** Whole steps at a time, so that it costs little: some milliseconds every two hours. */
  #cool(nowMs: number): void {
    const steps = Math.floor((nowMs - this.#cooledMs) / this.#stepMs);
    if (steps <= 0) return;
    this.#cooledMs += steps * this.#stepMs;
    const left = COOLED ** steps;
    const counters = this.#counters;
    for (let at = 0; at < counters.length; at += 1) counters[at] = (counters[at] as number) * left;
  }
}
