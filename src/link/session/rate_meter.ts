import { IDLE_SHARE_MAX, IdleMeter } from './idle_meter.ts';

const SAMPLE_MIN_MS = 20;
const NEW_SAMPLE_WEIGHT = 0.3;

/**
 * The rate at which a carrier takes bytes from end to end, from acknowledgements: what the sender hands over says
 * little, since the channel's buffers swallow it. Samples in which the sender had nothing to send do not count.
 */
export class RateMeter {
  #bytesPerMs: number | null = null;
  #startedMs: number | null = null;
  #bytes = 0;
  readonly #idle = new IdleMeter();

  get bytesPerMs(): number | null {
    return this.#bytesPerMs;
  }

  /** Forgets all: another carrier may be another kind of channel. */
  reset(): void {
    this.#bytesPerMs = null;
    this.#startedMs = null;
    this.#idle.reset();
  }

  /** The sender has nothing to send from now on. */
  idle(nowMs: number): void {
    this.#idle.idle(nowMs);
  }

  busy(nowMs: number): void {
    this.#idle.busy(nowMs);
  }

  acknowledged(sizeBytes: number, nowMs: number): void {
    if (this.#startedMs === null) {
      this.#begin(nowMs);
      return;
    }
    this.#bytes += sizeBytes;
    const elapsedMs = nowMs - this.#startedMs;
    if (elapsedMs < SAMPLE_MIN_MS) return;
    if (this.#idle.takeMs(nowMs) <= elapsedMs * IDLE_SHARE_MAX) this.#take(this.#bytes / elapsedMs);
    this.#begin(nowMs);
  }

  #take(bytesPerMs: number): void {
    const before = this.#bytesPerMs ?? bytesPerMs;
    this.#bytesPerMs = before + NEW_SAMPLE_WEIGHT * (bytesPerMs - before);
  }

  #begin(nowMs: number): void {
    this.#startedMs = nowMs;
    this.#bytes = 0;
    this.#idle.takeMs(nowMs);
  }
}
