import { assert } from '../../base/assert.ts';
import type { Chunker } from './chunker.ts';
import { largestChunkBytes } from './chunking.ts';

/** Reads at an offset; the count of bytes, 0 at the end of the stream. */
export type ReadAt = (into: Uint8Array, offset: number) => Promise<number>;

export interface ReadChunk {
  readonly offset: number;
  /** Memory of the chunker: it holds these bytes until the next chunk is asked for. */
  readonly bytes: Uint8Array;
}

/**
 * Reads a stream to its end and gives its chunks, without a copy: what is read goes into the window of `chunker`, which
 * must hold two of the largest chunks. The chunker serves one stream at a time.
 */
export async function* readChunks(read: ReadAt, chunker: Chunker): AsyncGenerator<ReadChunk> {
  const { window } = chunker;
  assert(window.byteLength >= 2 * largestChunkBytes(chunker.chunking), 'the window holds two chunks');
  chunker.finish(); // drops what an earlier stream may have left
  let windowOffset = 0;
  let heldBytes = 0;
  let chunkOffset = 0;
  try {
    for (;;) {
      const count = await read(window.subarray(heldBytes), windowOffset + heldBytes);
      if (count === 0) break;
      const ends = chunker.push(window.subarray(heldBytes, heldBytes + count));
      heldBytes += count;
      for (const end of ends) {
        yield { offset: chunkOffset, bytes: window.subarray(chunkOffset - windowOffset, end - windowOffset) };
        chunkOffset = end;
      }
      // only a full window is moved: a source that gives few bytes at a time costs no move for each
      if (heldBytes < window.byteLength) continue;
      window.copyWithin(0, chunkOffset - windowOffset, heldBytes);
      heldBytes -= chunkOffset - windowOffset;
      windowOffset = chunkOffset;
    }
    if (chunkOffset < windowOffset + heldBytes)
      yield { offset: chunkOffset, bytes: window.subarray(chunkOffset - windowOffset, heldBytes) };
  } finally {
    chunker.finish();
  }
}
