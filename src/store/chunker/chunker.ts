import type { Chunking } from './chunking.ts';
import { FastCdcChunker } from './fastcdc.ts';
import { FixedSizeChunker } from './fixed_size.ts';

/**
 * Cuts one stream of bytes after the other into chunks. The cuts depend on the bytes and the {@link Chunking} alone, never
 * on how the stream was divided into pushes.
 */
export interface Chunker {
  readonly chunking: Chunking;
  /**
   * Memory of the chunker that a caller may read a file into: pushing a part of it saves a copy. Its size is the
   * `windowBytes` of {@link createChunker}; pushing leaves its content as it is.
   */
  readonly window: Uint8Array;
  /** Takes the next bytes of the stream; the ends of the chunks that they complete, as offsets in the stream. */
  push(bytes: Uint8Array): number[];
  /** Ends the stream; the end of its last chunk, or null where nothing is left. The next push begins another stream. */
  finish(): number | null;
}

/** A chunker for one stream at a time; it holds `windowBytes` and about 64 KiB. */
export function createChunker(chunking: Chunking, windowBytes = 0): Chunker {
  return chunking.kind === 'fixed'
    ? new FixedSizeChunker(chunking, windowBytes)
    : new FastCdcChunker(chunking, windowBytes);
}
