import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { isAllZero, isZeroRange } from '../base/zeros.ts';
import type { DiskFile } from '../world/disk.ts';
import type { JobContext } from '../world/offload.ts';
import { type OnMoved, readFully, writeFully } from './file_io.ts';

/** The unit in which file systems keep holes. */
const BLOCK_BYTES = 4096;
/** Looked at in one piece where a file system tells nothing of holes. */
const PIECE_BYTES = 256 * 1024;
const ONE_ZERO = new Uint8Array(1);

/** A range of a file that may be grown by other writers behind it. */
export interface FileRange {
  readonly file: DiskFile;
  readonly offset: number;
  readonly lengthBytes: number;
}

/**
 * Makes a range read as zeros, as a hole where the file system has those. The size of the file does not change: what lies
 * behind its end is a hole once the file has grown over it. Nothing here proves that: the range is read back later.
 */
export async function leaveZeros(
  { file, offset, lengthBytes }: FileRange,
  context: JobContext,
): Promise<void> {
  const end = offset + lengthBytes;
  const { ranges } = file.caps;
  try {
    if (ranges !== null) {
      const data = await ranges.seekData(offset);
      if (data === null || data >= end) return;
      const { sizeBytes } = await file.stat();
      if (sizeBytes > offset) await ranges.punchHole(offset, Math.min(end, sizeBytes) - offset);
      return;
    }
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_UNSUPPORTED') throw failure;
  }
  await overwriteData({ file, offset, lengthBytes }, context);
}

/** Writes zeros over what is not zero. */
async function overwriteData({ file, offset, lengthBytes }: FileRange, context: JobContext): Promise<void> {
  const memory = context.scratch(Math.min(PIECE_BYTES, lengthBytes));
  for (let done = 0; done < lengthBytes; ) {
    const piece = memory.subarray(0, Math.min(PIECE_BYTES, lengthBytes - done));
    const count = await readFully(file, piece, offset + done);
    if (count === 0) return; // the end of the file
    const there = piece.subarray(0, count);
    if (!isAllZero(there)) await writeFully(file, there.fill(0), offset + done);
    done += count;
  }
}

/** The same for the last bytes of a file, which then ends where they do, or behind. */
export async function endWithZeros(range: FileRange, context: JobContext): Promise<void> {
  await leaveZeros(range, context);
  const end = range.offset + range.lengthBytes;
  // A byte is written: truncating could cut what another thread has put behind the end meanwhile.
  if ((await range.file.stat()).sizeBytes < end) await writeFully(range.file, ONE_ZERO, end - 1);
}

export interface SparseBytes {
  readonly file: DiskFile;
  readonly data: Uint8Array;
  readonly offset: number;
  /** Whether the file ends with these bytes. */
  readonly endsFile: boolean;
}

/** Writes `data`, and leaves holes where whole blocks of it are zeros, at least LIMITS.holeMinBytes in a row. */
export async function writeSparsely(
  { file, data, offset, endsFile }: SparseBytes,
  context: JobContext,
  moved: OnMoved,
): Promise<void> {
  const runs = zeroRuns(data, offset, endsFile ? data.byteLength - 1 : data.byteLength);
  let at = 0;
  for (const { from, to } of runs) {
    if (from > at) await writeFully(file, data.subarray(at, from), offset + at, moved);
    await leaveZeros({ file, offset: offset + from, lengthBytes: to - from }, context);
    at = to;
  }
  if (at < data.byteLength) await writeFully(file, at === 0 ? data : data.subarray(at), offset + at, moved);
}

interface Run {
  readonly from: number;
  readonly to: number;
}

const NO_RUNS: readonly Run[] = [];

/** Runs of zeros, at least LIMITS.holeMinBytes long, that end at `end` at the latest, in whole blocks of the file, which has `bytes` at `offset`. */
export function zeroRuns(bytes: Uint8Array, offset: number, end: number): readonly Run[] {
  let runs: Run[] | null = null;
  const close = (from: number, to: number): void => {
    if (to - from < LIMITS.holeMinBytes.value) return;
    runs ??= [];
    runs.push({ from, to });
  };
  let from = (BLOCK_BYTES - (offset % BLOCK_BYTES)) % BLOCK_BYTES;
  let at = from;
  for (; at + BLOCK_BYTES <= end; at += BLOCK_BYTES) {
    if (isZeroRange(bytes, at, at + BLOCK_BYTES)) continue;
    if (at > from) close(from, at);
    from = at + BLOCK_BYTES;
  }
  close(from, at);
  return runs ?? NO_RUNS;
}
