/** Of a measurement, at most: beyond it, what was sent says how much there was to send, not how much the line takes. */
export const IDLE_SHARE_MAX = 0.2;

/** For how long a sender had nothing to send. */
export class IdleMeter {
  #idleMs = 0;
  #sinceMs: number | null = null;

  reset(): void {
    this.#idleMs = 0;
    this.#sinceMs = null;
  }

  /** There is nothing to send from now on. */
  idle(nowMs: number): void {
    this.#sinceMs ??= nowMs;
  }

  busy(nowMs: number): void {
    if (this.#sinceMs === null) return;
    this.#idleMs += nowMs - this.#sinceMs;
    this.#sinceMs = null;
  }

  /** Since the last call, in ms. */
  takeMs(nowMs: number): number {
    const idleMs = this.#idleMs + (this.#sinceMs === null ? 0 : nowMs - this.#sinceMs);
    this.#idleMs = 0;
    if (this.#sinceMs !== null) this.#sinceMs = nowMs;
    return idleMs;
  }
}
