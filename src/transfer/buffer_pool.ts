import { sharedBytes } from '../base/bytes.ts';

/** Buffers of one size, in memory that threads share, that are used again; at most `maxIdle` wait for their next use. */
export class BufferPool {
  readonly #sizeBytes: number;
  readonly #maxIdle: number;
  readonly #idle: Uint8Array[];

  /** `idle`: buffers of that size that wait already. */
  constructor(sizeBytes: number, maxIdle: number, idle: Uint8Array[] = []) {
    this.#sizeBytes = sizeBytes;
    this.#maxIdle = maxIdle;
    this.#idle = idle;
  }

  take(): Uint8Array {
    return this.#idle.pop() ?? sharedBytes(this.#sizeBytes);
  }

  give(buffer: Uint8Array): void {
    if (this.#idle.length < this.#maxIdle) this.#idle.push(buffer);
  }
}

const kept: { sizeBytes: number; idle: Uint8Array[] } = { sizeBytes: 0, idle: [] };

/**
 * A pool whose idle buffers outlive the copy, for the next one of the same size: they would otherwise fill memory until the
 * garbage collector comes, which small objects bring on and such buffers do not. One size is kept: copies seldom differ.
 */
export function lastingPool(sizeBytes: number, maxIdle: number): BufferPool {
  if (kept.sizeBytes !== sizeBytes) {
    kept.sizeBytes = sizeBytes;
    kept.idle = [];
  }
  return new BufferPool(sizeBytes, maxIdle, kept.idle);
}

/** The buffers of {@link lastingPool} that nobody uses now: their memory may be had by others until the next copy. */
export function idleBuffers(): readonly Uint8Array[] {
  return kept.idle;
}
