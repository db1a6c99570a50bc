const SAMPLE_MIN_MS = 20;
const IDLE_SHARE_MAX = 0.2;
const NEW_SAMPLE_WEIGHT = 0.3;

/**
 * The rate at which a carrier takes bytes from end to end, from acknowledgements: what the sender hands over says
 * little, since the channel's buffers swallow it. Samples in which the sender had nothing to send do not count.
 */
export class RateMeter {
  #bytesPerMs: number | null = null;
  #startedMs: number | null = null;
  #bytes = 0;
  #idleMs = 0;
  #idleSinceMs: number | null = null;

  get bytesPerMs(): number | null {
    return this.#bytesPerMs;
  }

  /** Forgets all: another carrier may be another kind of channel. */
  reset(): void {
    this.#bytesPerMs = null;
    this.#startedMs = null;
    this.#idleSinceMs = null;
  }

  /** The sender has nothing to send from now on. */
  idle(nowMs: number): void {
    this.#idleSinceMs ??= nowMs;
  }

  busy(nowMs: number): void {
    if (this.#idleSinceMs === null) return;
    this.#idleMs += nowMs - this.#idleSinceMs;
    this.#idleSinceMs = null;
  }

  acknowledged(sizeBytes: number, nowMs: number): void {
    if (this.#startedMs === null) {
      this.#begin(nowMs);
      return;
    }
    this.#bytes += sizeBytes;
    const elapsedMs = nowMs - this.#startedMs;
    if (elapsedMs < SAMPLE_MIN_MS) return;
    const idleMs = this.#idleMs + (this.#idleSinceMs === null ? 0 : nowMs - this.#idleSinceMs);
    if (idleMs <= elapsedMs * IDLE_SHARE_MAX) this.#take(this.#bytes / elapsedMs);
    this.#begin(nowMs);
  }

  #take(bytesPerMs: number): void {
    const before = this.#bytesPerMs ?? bytesPerMs;
    this.#bytesPerMs = before + NEW_SAMPLE_WEIGHT * (bytesPerMs - before);
  }

  #begin(nowMs: number): void {
    this.#startedMs = nowMs;
    this.#bytes = 0;
    this.#idleMs = 0;
    if (this.#idleSinceMs !== null) this.#idleSinceMs = nowMs;
  }
}
