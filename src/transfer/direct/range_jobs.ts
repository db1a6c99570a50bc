import { equalBytes } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Job, JobContext } from '../../world/offload.ts';
import { type OnMoved, readFully, writeFully } from '../file_io.ts';
import { nowAndThen } from '../job_progress.ts';
import { forgetPages, forgetRead } from '../page_cache.ts';
import { isProbedHole } from '../sparse_read.ts';
import { zeroRuns } from '../sparse_write.ts';
import type { PieceMethod } from './method_choice.ts';

/** Copied by one call: a stop and a look at the progress wait no longer. */
const CALL_BYTES = 8 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
const BLOCK_BYTES = 4096;

/** A range at the same place of two files; `to` has its full length already, and is zeros there. */
interface TwinRange {
  readonly from: DiskFile;
  readonly to: DiskFile;
  readonly offset: number;
  readonly lengthBytes: number;
  /** Whether the holes that `from` tells of count. */
  readonly holes: boolean;
}

export type RangeCopied =
  | { readonly kind: 'copied'; readonly ms: number }
  /** The system does not copy that way between these two files: nothing was written. */
  | { readonly kind: 'refused' }
  /** `from` ends before. */
  | { readonly kind: 'short' };

/** Copies a range by one way. Whether it arrived is seen when it is compared. Errors are CW_DISK_*. */
export const copyTwinRangeJob: Job<TwinRange & { readonly method: PieceMethod }, RangeCopied> = {
  name: 'copy-twin-range',
  async run({ method, ...range }, context) {
    const since = context.clock.monotonicMs();
    const moved = nowAndThen(context);
    const end = range.offset + range.lengthBytes;
    let hasCopied = false;
    for (let at = range.offset; at < end; ) {
      const from = range.holes ? await nextData(range.from, at, end) : at;
      const to = range.holes ? await endOfData(range.from, from, end) : end;
      const part = { ...range, offset: from, lengthBytes: to - from };
      try {
        const isWhole =
          to === from ||
          (method === 'direct' ? await readAndWrite(part, context, moved) : await byKernel(part, moved));
        if (!isWhole) return { kind: 'short' };
      } catch (failure) {
        if (method === 'direct' || hasCopied || !isRefusedRange(failure)) throw failure;
        return { kind: 'refused' };
      }
      hasCopied = true;
      at = to;
    }
    return { kind: 'copied', ms: context.clock.monotonicMs() - since };
  },
};

function isRefusedRange(failure: unknown): boolean {
  return ['CW_UNSUPPORTED', 'CW_DISK_CROSS_DEVICE'].includes(asCausewayError(failure).code);
}

async function nextData(file: DiskFile, at: number, end: number): Promise<number> {
  const { ranges } = file.caps;
  return ranges === null ? at : Math.min(end, (await ranges.seekData(at)) ?? end);
}

async function endOfData(file: DiskFile, at: number, end: number): Promise<number> {
  const { ranges } = file.caps;
  if (ranges === null || at >= end) return end;
  const hole = await ranges.seekHole(at);
  return hole === null || hole <= at ? end : Math.min(end, hole);
}

/** copy_file_range(2); false where the source ends before. */
async function byKernel({ from, to, offset, lengthBytes }: TwinRange, moved: OnMoved): Promise<boolean> {
  const { copies } = to.caps;
  if (copies === null) throw new CausewayError('CW_UNSUPPORTED', 'the system does not copy ranges by itself');
  for (let done = 0; done < lengthBytes; ) {
    const at = offset + done;
    const count = await copies.copyRange(from, at, at, Math.min(CALL_BYTES, lengthBytes - done));
    if (count === 0) return false;
    done += count;
    moved(count);
  }
  return true;
}

/** Through the memory of this thread; whole blocks of zeros become holes. */
async function readAndWrite(range: TwinRange, context: JobContext, moved: OnMoved): Promise<boolean> {
  const { from, to, offset, lengthBytes } = range;
  const memory = context.scratch(READ_BYTES);
  for (let done = 0; done < lengthBytes; ) {
    const data = memory.subarray(0, Math.min(READ_BYTES, lengthBytes - done));
    if ((await readFully(from, data, offset + done)) < data.byteLength) return false;
    await writeAround(to, data, offset + done, moved);
    done += data.byteLength;
  }
  return true;
}

/** Leaves out whole blocks of zeros: that is what is there. */
async function writeAround(to: DiskFile, data: Uint8Array, offset: number, moved: OnMoved): Promise<void> {
  let at = 0;
  for (const run of zeroRuns(data, offset, data.byteLength)) {
    if (run.from > at) await writeFully(to, data.subarray(at, run.from), offset + at, moved);
    at = run.to;
  }
  if (at < data.byteLength) await writeFully(to, data.subarray(at), offset + at, moved);
}

/** Reads a range of both files and tells whether they are the same. Errors are CW_DISK_*. */
export const compareTwinRangeJob: Job<
  TwinRange & { readonly forgetFrom: boolean; readonly forgetTo: boolean },
  boolean
> = {
  name: 'compare-twin-range',
  async run({ forgetFrom, forgetTo, ...range }, context) {
    const moved = nowAndThen(context);
    const { offset, lengthBytes } = range;
    let isSame = true;
    for (let done = 0; done < lengthBytes && isSame; done += READ_BYTES) {
      const part = { ...range, offset: offset + done, lengthBytes: Math.min(READ_BYTES, lengthBytes - done) };
      isSame = (await areHoles(part, context)) || (await isSamePart(part, context));
      moved(part.lengthBytes);
    }
    if (forgetFrom) await forgetRead(range.from, offset, lengthBytes);
    if (forgetTo) await forgetPages(range.to, offset, lengthBytes);
    return isSame;
  },
};

async function areHoles(
  { from, to, offset, lengthBytes, holes }: TwinRange,
  context: JobContext,
): Promise<boolean> {
  if (!holes) return false;
  const isHole = (file: DiskFile) => isProbedHole({ file, offset, lengthBytes }, context);
  return (await isHole(from)) && (await isHole(to));
}

async function isSamePart(range: Omit<TwinRange, 'holes'>, context: JobContext): Promise<boolean> {
  const { from, to, offset, lengthBytes } = range;
  const each = LIMITS.directCompareBytes.value;
  const memory = context.scratch(2 * each);
  for (let done = 0; done < lengthBytes; done += each) {
    const count = Math.min(each, lengthBytes - done);
    const [ours, theirs] = [memory.subarray(0, count), memory.subarray(each, each + count)];
    if ((await readFully(from, theirs, offset + done)) < count) return false;
    if ((await readFully(to, ours, offset + done)) < count) return false;
    if (!equalBytes(ours, theirs)) return false;
  }
  return true;
}

/**
 * Lets `to`, which is empty, share all blocks of `from`. Blocks at a few places are compared, which finds a file system that
 * says so and does not. CW_UNSUPPORTED, CW_DISK_CROSS_DEVICE where they cannot, CW_COPY_VERIFY where they are not the same.
 */
export const shareBlocksJob: Job<
  { readonly from: DiskFile; readonly to: DiskFile; readonly sizeBytes: number },
  null
> = {
  name: 'share-blocks',
  async run({ from, to, sizeBytes }, context) {
    const { copies } = to.caps;
    if (copies === null) throw new CausewayError('CW_UNSUPPORTED', 'the system does not share blocks');
    await copies.reflink(from, 0, 0, sizeBytes);
    const step = Math.max(1, Math.floor(sizeBytes / LIMITS.directProbes.value));
    const isSame = async (offset: number) =>
      isSamePart({ from, to, offset, lengthBytes: Math.min(BLOCK_BYTES, sizeBytes - offset) }, context);
    for (let offset = 0; offset < sizeBytes; offset += step) if (!(await isSame(offset))) throw notTheSame();
    const last = Math.max(0, sizeBytes - BLOCK_BYTES);
    if ((await to.stat()).sizeBytes !== sizeBytes || !(await isSame(last))) throw notTheSame();
    return null;
  },
};

function notTheSame(): CausewayError {
  return new CausewayError('CW_COPY_VERIFY', 'what should be shared is not the same');
}
