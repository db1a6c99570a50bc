import { sharedBytes } from '../base/bytes.ts';

/** Buffers of one size, in memory that threads share, that are used again; at most `maxIdle` wait for their next use. */
export class BufferPool {
  readonly #sizeBytes: number;
  readonly #maxIdle: number;
  readonly #idle: Uint8Array[] = [];

  constructor(sizeBytes: number, maxIdle: number) {
    this.#sizeBytes = sizeBytes;
    this.#maxIdle = maxIdle;
  }

  take(): Uint8Array {
    return this.#idle.pop() ?? sharedBytes(this.#sizeBytes);
  }

  give(buffer: Uint8Array): void {
    if (this.#idle.length < this.#maxIdle) this.#idle.push(buffer);
  }
}
