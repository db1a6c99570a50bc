import { LIMITS } from '../../base/limits.ts';

/** Gives how many bytes `bytes` become; the fastest level is meant (zstd 1). */
export type CompressedLength = (bytes: Uint8Array) => number;

/** Samples of a chunk of one file: at its start, in the middle and at its end, since headers say little of what follows. */
export const CHUNK_SAMPLES = 3;
/** What does not get smaller by an eighth is sent as it is: decompressing costs the other side more than the link saves. */
const WORTH_RATIO = 8 / 7;

/** How many times smaller `bytes` probably get, from a few KiB of them: 1 for what does not get smaller. */
export function estimateRatio(
  bytes: Uint8Array,
  compressedLength: CompressedLength,
  samples: number = CHUNK_SAMPLES,
): number {
  const sample = sampleOf(bytes, samples);
  if (sample.byteLength === 0) return 1;
  return Math.max(1, sample.byteLength / Math.max(1, compressedLength(sample)));
}

/** Whether bytes of which samples get so many times smaller are worth the work. */
export function isWorthCompressing(ratio: number): boolean {
  return ratio >= WORTH_RATIO;
}

/** What a frame may take of the bytes that it holds. */
export function worthwhileBytes(plainBytes: number): number {
  return Math.floor(plainBytes / WORTH_RATIO);
}

/** `bytes` where there are few, else what stands at so many places of them. */
export function sampleOf(bytes: Uint8Array, samples: number): Uint8Array {
  const length = LIMITS.compressSampleBytes.value;
  if (bytes.byteLength <= samples * length) return bytes;
  const sample = new Uint8Array(samples * length);
  for (let i = 0; i < samples; i += 1) {
    const at = Math.floor(((bytes.byteLength - length) * i) / (samples - 1));
    sample.set(bytes.subarray(at, at + length), i * length);
  }
  return sample;
}

/**
 * Decides chunk by chunk of one file which are looked at. A file whose samples do not get smaller is looked at ever more
 * rarely: after the first such chunk one is passed over, then two, then four, up to LIMITS.compressSkipChunksMax.
 */
export class Compressibility {
  #toSkip = 0;
  #nextSkip = 1;

  /** Whether the next chunk is to be tried; one that is passed over counts. */
  next(): boolean {
    if (this.#toSkip === 0) return true;
    this.#toSkip -= 1;
    return false;
  }

  /** What the samples of a chunk said. */
  noted(ratio: number): void {
    if (isWorthCompressing(ratio)) {
      this.#nextSkip = 1;
      this.#toSkip = 0;
      return;
    }
    this.#toSkip = this.#nextSkip;
    this.#nextSkip = Math.min(2 * this.#nextSkip, LIMITS.compressSkipChunksMax.value);
  }
}
