/** Rates over the last seconds, and what they say of the time that is left. */
export class RateEstimator {
  readonly #windowMs: number;
  readonly #samples: Sample[] = [];

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

  /**
   * The range of the time left in ms by the rates of the window and of its later half; null while nothing moves. A
   * counter that rises in steps says nothing between them: rates are taken from step to step, and the time since the
   * last step counts as used, up to the longest wait for one.
   */
  remaining(leftBytes: number): { readonly lowMs: number; readonly highMs: number } | null {
    const steps = this.#samples.filter((sample, at) => at > 0 && sample.bytes > this.#samples[at - 1]!.bytes);
    const first = steps[0];
    const last = steps.at(-1);
    if (!first || !last || first === last) return this.#remainingAt(leftBytes, [this.rate()], 0);
    const middle = steps[Math.floor((steps.length - 1) / 2)]!;
    const longestWaitMs = Math.max(...steps.slice(1).map((step, at) => step.atMs - steps[at]!.atMs));
    const sinceMs = Math.min(this.#samples.at(-1)!.atMs - last.atMs, longestWaitMs);
    return this.#remainingAt(leftBytes, [rateBetween(first, last), rateBetween(middle, last)], sinceMs);
  }

  #remainingAt(
    leftBytes: number,
    rates: readonly number[],
    usedMs: number,
  ): { lowMs: number; highMs: number } | null {
    const known = rates.filter((rate) => rate > 0);
    if (known.length === 0) return null;
    const at = (rate: number) => Math.max(0, (leftBytes / rate) * 1000 - usedMs);
    return { lowMs: at(Math.max(...known)), highMs: at(Math.min(...known)) };
  }

  #rateFrom(index: number): number {
    const first = this.#samples[index];
    const last = this.#samples.at(-1);
    return first && last ? rateBetween(first, last) : 0;
  }
}

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** Bytes per second; 0 where no time lies between the two. */
function rateBetween(from: Sample, to: Sample): number {
  return to.atMs > from.atMs ? ((to.bytes - from.bytes) / (to.atMs - from.atMs)) * 1000 : 0;
}
