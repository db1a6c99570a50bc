import type { Clock } from '../world/clock.ts';

/** What a wait may be cut into, so that whoever watches sees that it is a wait and not a stall. */
const STEP_MS = 1_000;
/** Time that was not used is made up for within this long, and no further. */
const CREDIT_MS = 250;

/** Where bytes wait until they may go. */
export interface ByteGate {
  /**
   * Resolves when `bytes` may go; `onWaiting` is called now and then until then. Rejects with the signal's reason.
   */
  take(bytes: number, signal: AbortSignal, onWaiting: () => void): Promise<void>;
}

/** Spreads bytes over time: on average no more than so many in a second, whoever of several takes them. */
export class Pacer implements ByteGate {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** When everything taken so far has had its time, on the monotonic clock. */
  #paidUntilMs: number;

  /** `bytesPerSecond` > 0. */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#paidUntilMs = clock.monotonicMs();
  }

  /**
   * Resolves when `bytes` may go, in the order of the calls; `onWaiting` is called now and then until then. Rejects with
   * the signal's reason.
   */
  async take(bytes: number, signal: AbortSignal, onWaiting: () => void): Promise<void> {
    const earliestMs = this.#clock.monotonicMs() - CREDIT_MS;
    const startMs = Math.max(this.#paidUntilMs, earliestMs);
    this.#paidUntilMs = startMs + (bytes / this.#bytesPerSecond) * 1000;
    for (;;) {
      const leftMs = startMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return;
      onWaiting();
      await this.#clock.sleep(Math.min(leftMs, STEP_MS), signal);
    }
  }
}
