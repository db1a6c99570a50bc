import { asCausewayError } from '../../base/errors.ts';
import type { PatchSegment } from '../../wire/patch.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Job, JobContext } from '../../world/offload.ts';
import { type OnMoved, readFully, writeFully } from '../file_io.ts';
import { nowAndThen } from '../job_progress.ts';
import { endWithZeros, leaveZeros, writeSparsely } from '../sparse_write.ts';

/** Copied at a time where the bytes have to pass this process. */
const COPY_BYTES = 1024 * 1024;

/** One chunk of a file. */
interface Patch {
  readonly offset: number;
  readonly segments: readonly PatchSegment[];
  readonly data: Uint8Array;
  /** Whether the file ends with this chunk. */
  readonly endsFile: boolean;
}

interface PatchArgs {
  readonly file: DiskFile;
  /** The version that the destination has. */
  readonly base: DiskFile;
  /** The file began as a clone of `base`: what is at its place need not be copied. */
  readonly cloned: boolean;
  readonly patches: readonly Patch[];
}

/**
 * Puts chunks together from what travelled and what the destination has. Gives a 1 for each that is whole, a 0 for one
 * of which `base` cannot give its part.
 */
export const writePatchesJob: Job<PatchArgs, Uint8Array> = {
  name: 'write-patches',
  async run({ file, base, cloned, patches }, context) {
    const { allocatedBytes, sizeBytes } = await base.stat();
    const onto = { file, base, cloned, holesEnd: allocatedBytes < sizeBytes ? sizeBytes : null };
    const moved = nowAndThen(context);
    const whole = new Uint8Array(patches.length);
    for (const [at, patch] of patches.entries())
      whole[at] = (await writePatch(patch, onto, { context, moved })) ? 1 : 0;
    return whole;
  },
};

type Onto = Pick<Range, 'file' | 'base' | 'holesEnd'> & { readonly cloned: boolean };

async function writePatch(
  { offset, segments, data, endsFile }: Patch,
  { file, base, cloned, holesEnd }: Onto,
  { context, moved }: { readonly context: JobContext; readonly moved: OnMoved },
): Promise<boolean> {
  let at = offset;
  let literal = 0;
  for (const [number, { literalBytes, copyBytes, copyFrom }] of segments.entries()) {
    const isLast = endsFile && number === segments.length - 1;
    const bytes = data.subarray(literal, literal + literalBytes);
    literal += literalBytes;
    const endsHere = isLast && copyBytes === 0;
    if (literalBytes > 0 || endsHere)
      await writeSparsely({ file, data: bytes, offset: at, endsFile: endsHere }, context, moved);
    at += literalBytes;
    const range = { file, base, to: at, from: copyFrom, lengthBytes: copyBytes, holesEnd, endsFile: isLast };
    const isThere = cloned && copyFrom === at;
    if (!isThere && !(await copyRange(range, context))) return false;
    at += copyBytes;
    moved(copyBytes);
  }
  return true;
}

interface Range {
  readonly file: DiskFile;
  readonly base: DiskFile;
  readonly to: number;
  readonly from: number;
  readonly lengthBytes: number;
  /** Where `base` has holes, its size; else null. */
  readonly holesEnd: number | null;
  readonly endsFile: boolean;
}

/** Copies data as data and holes as holes. */
async function copyRange(range: Range, context: JobContext): Promise<boolean> {
  const { file, to, from, lengthBytes, endsFile } = range;
  for (let done = 0; done < lengthBytes; ) {
    const rest = { ...range, to: to + done, from: from + done, lengthBytes: lengthBytes - done };
    const part = await nextPart(rest);
    if (part === null) return false;
    const piece = { file, offset: to + done, lengthBytes: part.lengthBytes };
    done += part.lengthBytes;
    if (part.isHole) await (endsFile && done === lengthBytes ? endWithZeros : leaveZeros)(piece, context);
    else if (!(await copyData({ ...rest, lengthBytes: part.lengthBytes }, context))) return false;
  }
  return true;
}

/** The hole or the data that a range begins with; null where it lies behind the end of `base`. */
async function nextPart({
  base,
  from,
  lengthBytes,
  holesEnd,
}: Range): Promise<{ readonly isHole: boolean; readonly lengthBytes: number } | null> {
  const { ranges } = base.caps;
  if (holesEnd === null || ranges === null) return { isHole: false, lengthBytes };
  const end = from + lengthBytes;
  if (end > holesEnd) return null;
  try {
    const data = (await ranges.seekData(from)) ?? end;
    if (data > from) return { isHole: true, lengthBytes: Math.min(data, end) - from };
    const hole = (await ranges.seekHole(from)) ?? end;
    return { isHole: false, lengthBytes: hole > from ? Math.min(hole, end) - from : lengthBytes };
  } catch {
    return { isHole: false, lengthBytes }; // reading it tells what is wrong, if anything is
  }
}

async function copyData(range: Range, context: JobContext): Promise<boolean> {
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
