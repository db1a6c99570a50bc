import { concat } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { readChunks } from '../../store/chunker/chunk_reader.ts';
import { createChunker } from '../../store/chunker/chunker.ts';
import { type Chunking, largestChunkBytes } from '../../store/chunker/chunking.ts';
import type { Stage } from '../../wire/stages.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Job, Offload } from '../../world/offload.ts';
import { nowAndThen } from '../job_progress.ts';
import type { StageMeter } from '../stage_meter.ts';
import { shortHash } from './short_hash.ts';

/** Pieces of a file in a row. */
export interface CutPieces {
  readonly lengths: Uint32Array;
  /** Short hashes, one after the other. */
  readonly hashes: Uint8Array;
}

/** A window of this size is read at once, or two of the largest pieces. */
const WINDOW_BYTES = 1024 * 1024;

/**
 * Cuts a range of a file into pieces and hashes them. It begins where a piece begins and ends with the first piece that
 * reaches `lengthBytes`, or with the file; `ended` tells which.
 */
export const cutRangeJob: Job<
  {
    readonly file: DiskFile;
    readonly offset: number;
    readonly lengthBytes: number;
    readonly chunking: Chunking;
  },
  CutPieces & { readonly cutBytes: number; readonly ended: boolean; readonly hashMs: number }
> = {
  name: 'cut-range',
  async run({ file, offset, lengthBytes, chunking }, context) {
    const chunker = createChunker(chunking, Math.max(WINDOW_BYTES, 2 * largestChunkBytes(chunking)));
    const moved = nowAndThen(context);
    const read = async (into: Uint8Array, at: number) => {
      const count = await file.read(into, offset + at);
      moved(count);
      return count;
    };
    const lengths: number[] = [];
    const hashes: Uint8Array[] = [];
    let cutBytes = 0;
    let hashMs = 0;
    let ended = true;
    for await (const { bytes } of readChunks(read, chunker)) {
      const since = context.clock.monotonicMs();
      hashes.push(shortHash(bytes));
      hashMs += context.clock.monotonicMs() - since;
      lengths.push(bytes.byteLength);
      cutBytes += bytes.byteLength;
      if (cutBytes < lengthBytes) continue;
      ended = false;
      break;
    }
    return { lengths: Uint32Array.from(lengths), hashes: concat(hashes), cutBytes, ended, hashMs };
  },
};

export interface CutParts {
  readonly file: DiskFile;
  readonly sizeBytes: number;
  /** What lies before it is left out; default 0. */
  readonly from?: number;
  readonly chunking: Chunking;
  readonly meter: StageMeter;
  readonly stage: Stage;
  readonly offload: Offload;
}

/**
 * Cuts a whole file and gives its pieces in order. Fixed pieces are cut at several places at a time; a content-defined cut
 * depends on the one before it. Errors are CW_DISK_*.
 */
export async function* cutFile(parts: CutParts): AsyncGenerator<CutPieces> {
  const { file, sizeBytes, chunking, meter, stage, offload, from = 0 } = parts;
  const rangeBytes = rangeBytesOf(chunking);
  const cut = (offset: number) =>
    meter.runHashing(
      stage,
      Math.min(rangeBytes, sizeBytes - offset),
      (moved) => offload.run(cutRangeJob, { file, offset, lengthBytes: rangeBytes, chunking }, moved),
      (result) => result.hashMs,
    );
  const ahead = chunking.kind === 'fixed' ? LIMITS.verifyAtOnceMax.value : 1;
  const running: ReturnType<typeof cut>[] = [];
  let begun = from;
  try {
    while (begun < sizeBytes || running.length > 0) {
      while (running.length < ahead && begun < sizeBytes) {
        running.push(cut(begun));
        begun += rangeBytes;
      }
      const done = await running[0]!;
      running.shift();
      yield done;
      if (done.ended) return;
      if (chunking.kind === 'fastcdc') begun += done.cutBytes - rangeBytes;
    }
  } finally {
    await Promise.allSettled(running); // the file is closed after this
  }
}

/** What one job cuts; fixed pieces divide it, so that the next job begins where a piece begins. */
function rangeBytesOf(chunking: Chunking): number {
  const wished = LIMITS.deltaCutBytes.value;
  return chunking.kind === 'fixed' ? Math.ceil(wished / chunking.chunkBytes) * chunking.chunkBytes : wished;
}
