import { LIMITS } from '../../base/limits.ts';

interface Counter {
  failures: number;
  lastMs: number;
}

/**
 * Counts failures by key and says how long a key has to wait: nothing for the first `freeMax`, then
 * `LIMITS.loginDelayMinMs`, doubled by each further failure up to `LIMITS.loginDelayMaxMs`. Times are of a monotonic
 * clock. Of more than `LIMITS.loginCountersMax` keys those are forgotten that were quiet for the longest time.
 */
export class FailureCounters {
  readonly #freeMax: number;
  /** In the order of the last change. */
  readonly #counters = new Map<string, Counter>();

  constructor(freeMax: number) {
    this.#freeMax = freeMax;
  }

  get size(): number {
    return this.#counters.size;
  }

  /** 0 where the key may try now. */
  waitMs(key: string, nowMs: number): number {
    const counter = this.#counters.get(key);
    if (counter === undefined) return 0;
    return Math.max(0, counter.lastMs + this.#delayMs(counter.failures) - nowMs);
  }

  add(key: string, nowMs: number): void {
    const counter = this.#counters.get(key);
    const isOld = counter !== undefined && nowMs - counter.lastMs >= LIMITS.loginForgetMs.value;
    this.#counters.delete(key);
    this.#counters.set(key, { failures: (isOld ? 0 : (counter?.failures ?? 0)) + 1, lastMs: nowMs });
    if (this.#counters.size > LIMITS.loginCountersMax.value) this.#dropFirst();
  }

  /** Takes one failure back: it was none. */
  takeBack(key: string): void {
    const counter = this.#counters.get(key);
    if (counter === undefined) return;
    counter.failures -= 1;
    if (counter.failures === 0) this.#counters.delete(key);
  }

  clear(key: string): void {
    this.#counters.delete(key);
  }

  #delayMs(failures: number): number {
    const beyond = failures - this.#freeMax;
    if (beyond < 0) return 0;
    return Math.min(LIMITS.loginDelayMaxMs.value, LIMITS.loginDelayMinMs.value * 2 ** Math.min(beyond, 30));
  }

  #dropFirst(): void {
    for (const key of this.#counters.keys()) {
      this.#counters.delete(key);
      return;
    }
  }
}
