import { randomFillSync } from 'node:crypto';
import type { Random } from '../clock.ts';

/** Random bytes are fetched in blocks of this size, so that `u32` costs no call into OpenSSL. */
const BLOCK_BYTES = 4096;

class NodeRandom implements Random {
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #at = BLOCK_BYTES;

  u32(): number {
    if (this.#at + 4 > BLOCK_BYTES) {
      randomFillSync(this.#block);
      this.#at = 0;
    }
    const value = this.#block.readUInt32LE(this.#at);
    this.#block.writeUInt32LE(0, this.#at); // a value that was handed out is not kept in memory
    this.#at += 4;
    return value;
  }

  bytes(length: number): Uint8Array {
    return randomFillSync(new Uint8Array(length));
  }

  fork(_label: string): Random {
    return new NodeRandom();
  }
}

/** Cryptographically strong chance from OpenSSL's generator. Every fork is independent by nature. */
export function createNodeRandom(): Random {
  return new NodeRandom();
}
