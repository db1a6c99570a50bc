import { LIMITS } from '../../base/limits.ts';

/** Gives how many bytes `bytes` become; the fastest level is meant (zstd 1). */
export type CompressedLength = (bytes: Uint8Array) => number;

/** Samples of a chunk: at its start, in the middle and at its end, since headers say little of what follows. */
const SAMPLES = 3;
/** What does not get smaller by an eighth is sent as it is: decompressing costs the other side more than the link saves. */
const WORTH_RATIO = 8 / 7;

/** How many times smaller `bytes` probably get, from a few KiB of them: 1 for what does not get smaller. */
export function estimateRatio(bytes: Uint8Array, compressedLength: CompressedLength): number {
  const sample = sampleOf(bytes);
  if (sample.byteLength === 0) return 1;
  return Math.max(1, sample.byteLength / Math.max(1, compressedLength(sample)));
}

function sampleOf(bytes: Uint8Array): Uint8Array {
  const length = LIMITS.compressSampleBytes.value;
  if (bytes.byteLength <= SAMPLES * length) return bytes;
  const sample = new Uint8Array(SAMPLES * length);
  for (let i = 0; i < SAMPLES; i += 1) {
    const at = Math.floor(((bytes.byteLength - length) * i) / (SAMPLES - 1));
    sample.set(bytes.subarray(at, at + length), i * length);
  }
  return sample;
}

/** Whether a chunk is to be compressed, and what its samples said: null where none was taken. */
export interface CompressionChoice {
  readonly compress: boolean;
  readonly ratio: number | null;
}

/**
 * Decides chunk by chunk of one file. A file whose samples do not get smaller is looked at ever more rarely: after the
 * first such chunk one is skipped, then two, then four, up to LIMITS.compressSkipChunksMax.
 */
export class Compressibility {
  readonly #compressedLength: CompressedLength;
  #toSkip = 0;
  #nextSkip = 1;

  constructor(compressedLength: CompressedLength) {
    this.#compressedLength = compressedLength;
  }

  choose(bytes: Uint8Array): CompressionChoice {
    if (this.#toSkip > 0) {
      this.#toSkip -= 1;
      return { compress: false, ratio: null };
    }
    const ratio = estimateRatio(bytes, this.#compressedLength);
    if (ratio >= WORTH_RATIO) {
      this.#nextSkip = 1;
      return { compress: true, ratio };
    }
    this.#toSkip = this.#nextSkip;
    this.#nextSkip = Math.min(2 * this.#nextSkip, LIMITS.compressSkipChunksMax.value);
    return { compress: false, ratio };
  }
}
