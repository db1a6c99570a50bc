/** A latency of so many answers ago is not believed any more. */
const LATENCY_ANSWERS = 64;
/** A measurement of throughput takes at least so long. */
const SAMPLE_MIN_MS = 20;
/** Part of a new measurement in the mean of them. */
const SAMPLE_PART = 0.3;
const FIRST_BYTES_PER_SECOND = 100 * 1024 * 1024;

/**
 * How far away it is where blocks come from, by the requests that are made anyway: latency is the shortest of the last
 * answers, throughput what came while something was under way. Times are monotonic, in ms.
 */
export class LinkMeter {
  readonly #latencies: number[] = [];
  #at = 0;
  #underWay = 0;
  #sinceMs = 0;
  #bytes = 0;
  #bytesPerSecond = FIRST_BYTES_PER_SECOND;

  get latencyMs(): number {
    return this.#latencies.length === 0 ? 0 : Math.min(...this.#latencies);
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  sent(nowMs: number): void {
    if (this.#underWay === 0) [this.#sinceMs, this.#bytes] = [nowMs, 0];
    this.#underWay += 1;
  }

  /** @param lengthBytes what came, 0 where it failed */
  arrived(sentMs: number, lengthBytes: number, nowMs: number): void {
    this.#underWay -= 1;
    this.#bytes += lengthBytes;
    if (lengthBytes > 0) {
      this.#latencies[this.#at] = nowMs - sentMs;
      this.#at = (this.#at + 1) % LATENCY_ANSWERS;
    }
    const tookMs = nowMs - this.#sinceMs;
    if (tookMs < SAMPLE_MIN_MS || this.#bytes === 0) return;
    const sample = (this.#bytes / tookMs) * 1_000;
    // whoever asks for little gets little: that says nothing of what is possible
    if (sample > this.#bytesPerSecond || this.#underWay > 0)
      this.#bytesPerSecond += (sample - this.#bytesPerSecond) * SAMPLE_PART;
    [this.#sinceMs, this.#bytes] = [nowMs, 0];
  }
}
