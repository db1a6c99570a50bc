import { asCausewayError } from '../../base/errors.ts';
import type { PatchSegment } from '../../wire/patch.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Job, JobContext } from '../../world/offload.ts';
import { readFully, writeFully } from '../file_io.ts';
import { nowAndThen } from '../job_progress.ts';

/** Copied at a time where the bytes have to pass this process. */
const COPY_BYTES = 1024 * 1024;

interface PatchArgs {
  readonly file: DiskFile;
  /** The version that the destination has. */
  readonly base: DiskFile;
  /** The file began as a clone of `base`: what is at its place need not be copied. */
  readonly cloned: boolean;
  readonly offset: number;
  readonly segments: readonly PatchSegment[];
  readonly data: Uint8Array;
}

/** Puts one chunk together from what travelled and what the destination has. False where `base` cannot give its part. */
export const writePatchJob: Job<PatchArgs, boolean> = {
  name: 'write-patch',
  async run({ file, base, cloned, offset, segments, data }, context) {
    const moved = nowAndThen(context);
    let at = offset;
    let literal = 0;
    for (const { literalBytes, copyBytes, copyFrom } of segments) {
      await writeFully(file, data.subarray(literal, literal + literalBytes), at, moved);
      literal += literalBytes;
      at += literalBytes;
      const isThere = cloned && copyFrom === at;
      if (
        !isThere &&
        !(await copyRange({ file, base, to: at, from: copyFrom, lengthBytes: copyBytes }, context))
      )
        return false;
      at += copyBytes;
      moved(copyBytes);
    }
    return true;
  },
};

interface Range {
  readonly file: DiskFile;
  readonly base: DiskFile;
  readonly to: number;
  readonly from: number;
  readonly lengthBytes: number;
}

async function copyRange(range: Range, context: JobContext): Promise<boolean> {
  const { file, base, to, from, lengthBytes } = range;
  const { copies } = file.caps;
  let done = 0;
  try {
    while (copies !== null && done < lengthBytes) {
      const count = await copies.copyRange(base, from + done, to + done, lengthBytes - done);
      if (count === 0) return false;
      done += count;
    }
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_FULL') throw failure;
    // Not between these files, or not now: reading and writing tells which of the two sides it is, if it fails too.
  }
  const memory = context.scratch(Math.min(COPY_BYTES, lengthBytes - done));
  while (done < lengthBytes) {
    const bytes = memory.subarray(0, Math.min(COPY_BYTES, lengthBytes - done));
    const isRead = await readFully(base, bytes, from + done).then(
      (count) => count === bytes.byteLength,
      () => false, // the chunk is sent in whole then
    );
    if (!isRead) return false;
    await writeFully(file, bytes, to + done);
    done += bytes.byteLength;
  }
  return true;
}
