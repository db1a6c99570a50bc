import { LIMITS } from '../base/limits.ts';
import type { Random } from '../world/clock.ts';

const TWO_32 = 0x1_0000_0000;

/**
 * Exponential back-off with jitter: the n-th wait is drawn from the upper half of `reconnectMinMs × 2^n`, at most
 * `maxMs`, so that many peers of a restarted host do not come back in step.
 */
export class Backoff {
  readonly #random: Random;
  readonly #maxMs: number;
  #failures = 0;

  constructor(random: Random, maxMs: number = LIMITS.reconnectMaxMs.value) {
    this.#random = random;
    this.#maxMs = maxMs;
  }

  /** How long to wait now, in ms. */
  nextMs(): number {
    const ceilingMs = Math.min(LIMITS.reconnectMinMs.value * 2 ** this.#failures, this.#maxMs);
    if (ceilingMs < this.#maxMs) this.#failures += 1;
    return ceilingMs / 2 + (ceilingMs / 2) * (this.#random.u32() / TWO_32);
  }

  /** After a success: the next wait is the shortest again. */
  reset(): void {
    this.#failures = 0;
  }
}
