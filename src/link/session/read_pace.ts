/** At the pace of the slowest carriers, 1 KiB/s, half a second. */
const START_BYTES = 512;
const MAX_BYTES = 256 * 1024;
const QUICK_MS = 20;
const SLOW_MS = 200;

/**
 * How many bytes one read of a carrier may wait for. Many at once save work on a fast carrier; on a slow one a read
 * must come back before the heartbeat takes silence for death, although bytes trickle in.
 */
export class ReadPace {
  #minBytes = START_BYTES;

  get minBytes(): number {
    return this.#minBytes;
  }

  took(elapsedMs: number): void {
    if (elapsedMs < QUICK_MS) this.#minBytes = Math.min(this.#minBytes * 2, MAX_BYTES);
    else if (elapsedMs > SLOW_MS) this.#minBytes = Math.max(Math.floor(this.#minBytes / 8), 1);
  }
}
