import { assert } from '../../base/assert.ts';
import { sharedBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';

/** Memory on loan. `bytes` has exactly the size that was asked for and arbitrary contents. */
export interface PooledBuffer {
  readonly bytes: Uint8Array;
  /** Gives the memory back; once. */
  release(): void;
}

/** Shorter messages get memory of their own: a pooled block would waste most of itself. */
const POOLED_MIN_BYTES = 4 * 1024;
/** The larger classes have room for the header of a chunk. */
const CLASS_BYTES: readonly number[] = [8, 16, 32, 64, 128, 256, 512 + 4, 1024 + 4, 2048 + 4]
  .map((kib) => kib * 1024)
  .concat(LIMITS.frameMaxBytes.value);

/** Message buffers by size class, in memory that the threads of the process share, last used first, so that a block is likely to be in the cache still. */
export class BufferPool {
  readonly #free: Uint8Array[][] = CLASS_BYTES.map(() => []);
  #freeBytes = 0;
  #lent = 0;

  /** Blocks that wait for use. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Buffers on loan, small ones included. */
  get lent(): number {
    return this.#lent;
  }

  /** 0 ≤ sizeBytes ≤ LIMITS.frameMaxBytes. */
  take(sizeBytes: number): PooledBuffer {
    this.#lent += 1;
    if (sizeBytes < POOLED_MIN_BYTES)
      return new Loan(new Uint8Array(sizeBytes), () => this.#giveBack(null, -1));
    const index = CLASS_BYTES.findIndex((classBytes) => classBytes >= sizeBytes);
    assert(index >= 0, 'a message buffer has at most frameMaxBytes');
    const block = this.#free[index]?.pop();
    if (block !== undefined) this.#freeBytes -= block.byteLength;
    const memory = block ?? sharedBytes(CLASS_BYTES[index] as number);
    return new Loan(memory.subarray(0, sizeBytes), () => this.#giveBack(memory, index));
  }

  #giveBack(block: Uint8Array | null, index: number): void {
    this.#lent -= 1;
    if (block === null || this.#freeBytes + block.byteLength > LIMITS.bufferPoolMaxBytes.value) return;
    this.#free[index]?.push(block);
    this.#freeBytes += block.byteLength;
  }
}

class Loan implements PooledBuffer {
  readonly bytes: Uint8Array;
  #giveBack: (() => void) | null;

  constructor(bytes: Uint8Array, giveBack: () => void) {
    this.bytes = bytes;
    this.#giveBack = giveBack;
  }

  release(): void {
    assert(this.#giveBack !== null, 'a buffer is released once');
    const giveBack = this.#giveBack;
    this.#giveBack = null;
    giveBack();
  }
}
