import type { Chunker } from './chunker.ts';
import { assertValidChunking, type FixedChunking } from './chunking.ts';

/** Cuts every `chunkBytes`. */
export class FixedSizeChunker implements Chunker {
  readonly chunking: FixedChunking;
  readonly window: Uint8Array;
  #pushedBytes = 0;

  constructor(chunking: FixedChunking, windowBytes: number) {
    assertValidChunking(chunking);
    this.chunking = chunking;
    this.window = new Uint8Array(windowBytes);
  }

  push(bytes: Uint8Array): number[] {
    const { chunkBytes } = this.chunking;
    const ends: number[] = [];
    let end = (Math.floor(this.#pushedBytes / chunkBytes) + 1) * chunkBytes;
    this.#pushedBytes += bytes.byteLength;
    for (; end <= this.#pushedBytes; end += chunkBytes) ends.push(end);
    return ends;
  }

  finish(): number | null {
    const end = this.#pushedBytes;
    this.#pushedBytes = 0;
    return end % this.chunking.chunkBytes === 0 ? null : end;
  }
}
