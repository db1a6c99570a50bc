import { assert } from '../../base/assert.ts';
import { LIMITS } from '../../base/limits.ts';

/** Chunks of one size; the last may be shorter. For files that are changed in place: disk images, databases. */
export interface FixedChunking {
  readonly kind: 'fixed';
  readonly chunkBytes: number;
}

/** Content-defined chunks, see {@link FastCdcChunker}. For files in which bytes are inserted and removed. */
export interface FastCdcChunking {
  readonly kind: 'fastcdc';
  /** No chunk but the last is smaller. */
  readonly minBytes: number;
  /** Where the test for a cut gets easier; a power of two. The mean of random data lies a little above. */
  readonly averageBytes: number;
  readonly maxBytes: number;
  /** How many mask bits more before `averageBytes` and less behind it: 0 to 3 (the paper's NC level). */
  readonly normalization: number;
}

/** How a stream is cut into chunks. Two chunk lists can be compared only where both were cut in the same way. */
export type Chunking = FixedChunking | FastCdcChunking;

const KIB = 1024;

/** 16, 64 and 256 KiB: the sizes of casync and restic's neighbourhood, small enough that a change costs little. */
export const FASTCDC_DEFAULT: FastCdcChunking = {
  kind: 'fastcdc',
  minBytes: 16 * KIB,
  averageBytes: 64 * KIB,
  maxBytes: 256 * KIB,
  normalization: 2,
};

/** A stable name of the way of cutting, kept beside chunk lists: lists of different names are not compared. */
export function chunkingId(chunking: Chunking): string {
  if (chunking.kind === 'fixed') return `fixed/${chunking.chunkBytes}`;
  const { minBytes, averageBytes, maxBytes, normalization } = chunking;
  return `fastcdc-gear32/${minBytes}/${averageBytes}/${maxBytes}/${normalization}`;
}

/** What {@link chunkingId} named; null for any other text and for sizes that no chunker takes. */
export function parseChunkingId(text: string): Chunking | null {
  const [kind, ...numbers] = text.split('/');
  const [first = 0, averageBytes = 0, maxBytes = 0, normalization = -1] = numbers.map(Number);
  const chunking: Chunking =
    kind === 'fixed'
      ? { kind: 'fixed', chunkBytes: first }
      : { kind: 'fastcdc', minBytes: first, averageBytes, maxBytes, normalization };
  return isValidChunking(chunking) && chunkingId(chunking) === text ? chunking : null;
}

/** The largest chunk that this way of cutting gives. */
export function largestChunkBytes(chunking: Chunking): number {
  return chunking.kind === 'fixed' ? chunking.chunkBytes : chunking.maxBytes;
}

/** True where a chunker can be made: whole numbers within the limits, min < average < max. */
export function isValidChunking(chunking: Chunking): boolean {
  const within = (value: number): boolean =>
    Number.isInteger(value) &&
    value >= LIMITS.deltaChunkMinBytes.value &&
    value <= LIMITS.chunkMaxBytes.value;
  if (chunking.kind === 'fixed') return within(chunking.chunkBytes);
  const { minBytes, averageBytes, maxBytes, normalization } = chunking;
  return (
    [minBytes, averageBytes, maxBytes].every(within) &&
    minBytes < averageBytes &&
    averageBytes < maxBytes &&
    Number.isInteger(Math.log2(averageBytes)) &&
    Number.isInteger(normalization) &&
    normalization >= 0 &&
    normalization <= 3
  );
}

export function assertValidChunking(chunking: Chunking): void {
  assert(isValidChunking(chunking), `${chunkingId(chunking)} is a way of cutting within the limits`);
}
