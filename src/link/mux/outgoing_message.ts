import { totalBytes } from '../../base/bytes.ts';
import { type Deferred, deferred } from '../../base/deferred.ts';
import type { CausewayError } from '../../base/errors.ts';

/** A message on its way out: cut into frames, released when no batch refers to its parts any more. */
export class OutgoingMessage {
  readonly sizeBytes: number;
  /** Resolves when the last frame is composed. */
  readonly taken: Deferred<void> = deferred();
  readonly #parts: readonly Uint8Array[];
  #onReleased: (() => void) | undefined;
  #part = 0;
  #offset = 0;
  #leftBytes: number;
  #started = false;
  #over = false;
  /** Batches below that hold references to the parts. */
  #holds = 0;

  constructor(parts: readonly Uint8Array[], onReleased?: () => void) {
    this.#parts = parts;
    this.#onReleased = onReleased;
    this.sizeBytes = totalBytes(parts);
    this.#leftBytes = this.sizeBytes;
  }

  get leftBytes(): number {
    return this.#leftBytes;
  }

  /** True once a frame was taken, also an empty one. */
  get started(): boolean {
    return this.#started;
  }

  /** Appends references to the next `lengthBytes` ≤ leftBytes to `out`. */
  take(lengthBytes: number, out: Uint8Array[]): void {
    this.#started = true;
    this.#leftBytes -= lengthBytes;
    let wanted = lengthBytes;
    while (wanted > 0) {
      const part = this.#parts[this.#part] as Uint8Array;
      const count = Math.min(part.byteLength - this.#offset, wanted);
      if (count > 0) {
        out.push(count === part.byteLength ? part : part.subarray(this.#offset, this.#offset + count));
      }
      wanted -= count;
      this.#offset += count;
      if (this.#offset < part.byteLength) break;
      this.#part += 1;
      this.#offset = 0;
    }
  }

  /** A batch refers to the parts until it calls `unhold`. */
  hold(): void {
    this.#holds += 1;
  }

  unhold(): void {
    this.#holds -= 1;
    this.#release();
  }

  /** No more frames: everything is taken. */
  finish(): void {
    this.#over = true;
    this.taken.resolve();
    this.#release();
  }

  /** No more frames: the stream is over. */
  fail(error: CausewayError): void {
    this.#over = true;
    this.taken.reject(error);
    this.#release();
  }

  #release(): void {
    if (!this.#over || this.#holds > 0) return;
    const onReleased = this.#onReleased;
    this.#onReleased = undefined;
    onReleased?.();
  }
}
