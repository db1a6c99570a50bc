import type { FastifyReply } from 'fastify';
import { LIMITS } from '../../base/limits.ts';

/**
 * An answer that is written piece by piece. It counts what was not flushed yet by the callbacks of the writes: the event
 * `drain` of an HTTP answer may never come though everything has left, when pieces were held back and sent together.
 */
export class Outlet {
  readonly #raw: FastifyReply['raw'];
  readonly #onRoom: () => void;
  #unsentBytes = 0;
  #isOver = false;

  /** `onRoom` is called when something more fits, and at the end. */
  constructor(raw: FastifyReply['raw'], onRoom: () => void) {
    this.#raw = raw;
    this.#onRoom = onRoom;
    raw.on('close', () => {
      this.#isOver = true;
      this.#onRoom();
    });
  }

  /** The reader went away, or the answer is complete. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get isFull(): boolean {
    return this.#unsentBytes >= LIMITS.streamUnsentMaxBytes.value;
  }

  write(text: string): void {
    if (this.#isOver) return;
    const sizeBytes = Buffer.byteLength(text);
    this.#unsentBytes += sizeBytes;
    this.#raw.write(text, () => {
      const wasFull = this.isFull;
      this.#unsentBytes -= sizeBytes;
      if (wasFull && !this.isFull) this.#onRoom();
    });
  }

  end(): void {
    this.#isOver = true;
    this.#raw.end();
  }

  /** The reader sees that the end is missing. */
  cut(): void {
    this.#isOver = true;
    this.#raw.destroy();
  }
}
