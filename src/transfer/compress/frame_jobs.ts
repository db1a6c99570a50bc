import { estimateRatio, isWorthCompressing } from '../../store/compression/compressibility.ts';
import type { Job } from '../../world/offload.ts';

/** The level that samples are judged by. */
const SAMPLE_EFFORT = { level: 1, longDistance: false };

/**
 * Puts a frame of `bytes` into `into`, both shared memory, where that makes them smaller by an eighth at least. With
 * `samples` so many places are tried out first; with level 0 they are all that is looked at.
 */
export const compressJob: Job<
  {
    readonly bytes: Uint8Array;
    readonly into: Uint8Array;
    readonly level: number;
    readonly longDistance: boolean;
    readonly samples: number;
  },
  {
    /** Length of the frame; null where the bytes go as they are. */
    readonly frameBytes: number | null;
    /** What the samples said; null where none was taken. */
    readonly ratio: number | null;
    readonly workMs: number;
  }
> = {
  name: 'compress',
  async run({ bytes, into, level, longDistance, samples }, { clock, frames, scratch }) {
    const since = clock.monotonicMs();
    const sampled = (sample: Uint8Array) => {
      const room = scratch(sample.byteLength).subarray(0, sample.byteLength);
      return frames.encode(sample, room, SAMPLE_EFFORT) ?? sample.byteLength;
    };
    const ratio = samples > 0 ? estimateRatio(bytes, sampled, samples) : null;
    const isTried = level > 0 && (ratio === null || isWorthCompressing(ratio));
    const frameBytes = isTried ? frames.encode(bytes, into, { level, longDistance }) : null;
    return { frameBytes, ratio, workMs: clock.monotonicMs() - since };
  },
};

/** Fills `into`, which is shared memory, with what `frame` holds. Throws CW_WIRE_MALFORMED where that is anything else than so many bytes. */
export const decompressJob: Job<{ readonly frame: Uint8Array; readonly into: Uint8Array }, null> = {
  name: 'decompress',
  async run({ frame, into }, { frames }) {
    frames.decode(frame, into);
    return null;
  },
};
