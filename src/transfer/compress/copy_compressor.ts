import { totalBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  CHUNK_SAMPLES,
  Compressibility,
  sampleOf,
  worthwhileBytes,
} from '../../store/compression/compressibility.ts';
import type { CompressedFigures } from '../../wire/copy_types.ts';
import { encodeCompressedHeader } from '../../wire/lane_message.ts';
import type { Clock } from '../../world/clock.ts';
import type { Offload } from '../../world/offload.ts';
import { BufferPool } from '../buffer_pool.ts';
import type { StageMeter } from '../stage_meter.ts';
import { compressJob } from './frame_jobs.ts';
import type { LevelChoice } from './level_choice.ts';

/** A message of a lane: the head, and bytes of files. */
export interface LaneParts {
  readonly header: Uint8Array;
  readonly data: readonly Uint8Array[];
}

/** How a message travels. */
export interface OutgoingParts extends LaneParts {
  /** The level at which it was decided how it goes. */
  readonly level: number;
  /** Called once the link has let go of the bytes. */
  release(): void;
}

export interface CompressorParts {
  readonly clock: Clock;
  readonly meter: StageMeter;
  readonly offload: Offload;
  readonly level: LevelChoice;
  /** Longest `data` of a message. */
  readonly dataMaxBytes: number;
}

/** Samples alone. */
const JUST_LOOK = { level: 0, longDistance: false };
const NO_BYTES = new Uint8Array(0);
/** A pack holds many files: more places tell more. */
const PACK_SAMPLES = 8;
/** From this level on the work is such that looking over long distances adds little. */
const LONG_DISTANCE_FROM = 10;

/**
 * Makes the messages of one copy smaller where that pays: decides message by message, has the work done beside the lanes,
 * and counts what came of it.
 */
export class CopyCompressor {
  readonly #parts: CompressorParts;
  readonly #files = new Map<number, Compressibility>();
  readonly #pool: BufferPool;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #highest = 0;
  #beforeBytes = 0;
  #afterBytes = 0;
  #skippedBytes = 0;

  constructor(parts: CompressorParts) {
    this.#parts = parts;
    this.#pool = new BufferPool(worthwhileBytes(parts.dataMaxBytes), LIMITS.laneBuffersMax.value);
  }

  figures(): CompressedFigures {
    return {
      level: this.#highest,
      beforeBytes: this.#beforeBytes,
      afterBytes: this.#afterBytes,
      skippedBytes: this.#skippedBytes,
    };
  }

  /** Bytes of files that have gone, however they travelled. */
  sent(plainBytes: number, { level }: OutgoingParts): void {
    this.#parts.level.sent(plainBytes, level);
  }

  /**
   * How a message goes whose bytes lie in `buffer`, shared memory that `giveBack` returns. `file`: the file of a chunk;
   * null for a pack.
   */
  async outgoing(
    { header, data }: LaneParts,
    file: number | null,
    { buffer, giveBack }: { readonly buffer: Uint8Array; readonly giveBack: () => void },
  ): Promise<OutgoingParts> {
    const plainBytes = totalBytes(data);
    const level = this.#parts.level.now();
    const plain: OutgoingParts = { header, data, level, release: giveBack };
    if (plainBytes < LIMITS.compressMinBytes.value) return this.#asItIs(plain, plainBytes);
    if (level === 0) {
      this.#lookAside(data[0]!, file === null ? PACK_SAMPLES : CHUNK_SAMPLES);
      return this.#asItIs(plain, plainBytes);
    }
    const known = file === null ? null : this.#known(file);
    if (known?.next() === false) return this.#asItIs(plain, plainBytes);
    const bytes = gathered(data, buffer);
    const frame = await this.#frame(bytes, level, known);
    if (frame === null) return this.#asItIs({ ...plain, data: data.length > 1 ? [bytes] : data }, plainBytes);
    giveBack();
    this.#highest = Math.max(this.#highest, level);
    this.#beforeBytes += plainBytes;
    this.#afterBytes += frame.bytes.byteLength;
    return {
      header: joined(encodeCompressedHeader(header.byteLength, plainBytes), header),
      data: [frame.bytes],
      level,
      release: frame.release,
    };
  }

  #asItIs(parts: OutgoingParts, plainBytes: number): OutgoingParts {
    this.#skippedBytes += plainBytes;
    return parts;
  }

  /** At level 0 a few samples now and then tell what compression would do; nothing waits for them. */
  #lookAside(bytes: Uint8Array, samples: number): void {
    const { clock, offload, level: choice } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (!choice.isAuto || nowMs - this.#lookedMs < LIMITS.compressLookMs.value) return;
    this.#lookedMs = nowMs;
    const args = { bytes: sampleOf(bytes, samples).slice(), into: NO_BYTES, ...JUST_LOOK, samples };
    void offload.run(compressJob, args).then(
      ({ workMs, ratio }) => choice.worked(workMs, ratio),
      () => undefined, // what matters of a thread that failed is told by those who need it
    );
  }

  async #frame(
    bytes: Uint8Array,
    level: number,
    known: Compressibility | null,
  ): Promise<{ readonly bytes: Uint8Array; readonly release: () => void } | null> {
    const { meter, offload, level: choice } = this.#parts;
    const room = this.#pool.take();
    const release = () => this.#pool.give(room);
    try {
      const args = {
        bytes,
        into: room.subarray(0, worthwhileBytes(bytes.byteLength)),
        level,
        longDistance: level >= LONG_DISTANCE_FROM,
        samples: known === null ? PACK_SAMPLES : CHUNK_SAMPLES,
      };
      const done = await meter.run('compress', bytes.byteLength, () => offload.run(compressJob, args));
      choice.worked(done.workMs, done.ratio);
      if (done.ratio !== null) known?.noted(done.ratio);
      if (done.frameBytes !== null) return { bytes: room.subarray(0, done.frameBytes), release };
    } catch (failure) {
      release();
      throw failure;
    }
    release();
    return null;
  }

  #known(file: number): Compressibility {
    let known = this.#files.get(file);
    if (known === undefined) {
      known = new Compressibility();
      this.#files.set(file, known);
      if (this.#files.size > LIMITS.openFilesMax.value) this.#files.delete(this.#files.keys().next().value!);
    }
    return known;
  }
}

/** The parts, which are views of `buffer` in rising order, in one piece at its start. */
function gathered(parts: readonly Uint8Array[], buffer: Uint8Array): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  let end = 0;
  for (const part of parts) {
    const from = part.byteOffset - buffer.byteOffset;
    buffer.copyWithin(end, from, from + part.byteLength);
    end += part.byteLength;
  }
  return buffer.subarray(0, end);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.byteLength + b.byteLength);
  both.set(a);
  both.set(b, a.byteLength);
  return both;
}
