/** Rates over the last seconds, and what they say of the time that is left. */
export class RateEstimator {
  readonly #windowMs: number;
  readonly #samples: { atMs: number; bytes: number }[] = [];

  constructor(windowMs = 10_000) {
    this.#windowMs = windowMs;
  }

  /** Adds a reading of a counter that only rises. */
  sample(atMs: number, bytes: number): void {
    const last = this.#samples.at(-1);
    if (last && (atMs <= last.atMs || bytes < last.bytes)) return;
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= atMs - this.#windowMs) this.#samples.shift();
  }

  /** Bytes per second over the window; 0 before there are two samples. */
  rate(): number {
    return this.#rateFrom(0);
  }

  /** The range of the time left in ms by the slowest and fastest of the window's halves; null while nothing moves. */
  remaining(leftBytes: number): { readonly lowMs: number; readonly highMs: number } | null {
    const whole = this.rate();
    if (whole <= 0) return null;
    const half = Math.floor(this.#samples.length / 2);
    const late = this.#rateFrom(half);
    const rates = late > 0 ? [whole, late] : [whole];
    return {
      lowMs: (leftBytes / Math.max(...rates)) * 1000,
      highMs: (leftBytes / Math.min(...rates)) * 1000,
    };
  }

  #rateFrom(index: number): number {
    const first = this.#samples[index];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return 0;
    return ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000;
  }
}
