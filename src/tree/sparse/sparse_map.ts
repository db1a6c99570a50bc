import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { throwIfAborted } from '../../base/signal.ts';
import { isAllZero } from '../../base/zeros.ts';
import type { DiskFile, Stat } from '../../world/disk.ts';
import type { FileRanges } from '../../world/disk_caps.ts';
import { RangeList } from './range_list.ts';

/** `read`: every hole is read and compared, which costs memory bandwidth and no disk. `probe`: both ends, and a block now and then. */
export type HoleCheck = 'read' | 'probe';

export interface HoleSearch {
  readonly check: HoleCheck;
  /** Working memory for reading, at least one block of 4 KiB. */
  readonly scratch: Uint8Array;
  readonly signal: AbortSignal;
}

export interface FoundHoles {
  readonly holes: RangeList;
  /** In words, why the file system was not believed and the whole file counts as data; null where it was, or claimed no hole. */
  readonly distrust: string | null;
}

const BLOCK_BYTES = 4096;

/**
 * The holes of an open file, of at least LIMITS.holeMinBytes, as its file system tells them (SEEK_HOLE). A file
 * system has told holes where there was data (OpenZFS before 2.2.2), so no hole counts before it was read back as zeros; one
 * that was not makes the whole file data. A file without holes costs one stat.
 */
export async function findHoles(file: DiskFile, search: HoleSearch): Promise<FoundHoles> {
  const before = await file.stat();
  const { ranges } = file.caps;
  if (ranges === null || before.allocatedBytes >= before.sizeBytes)
    return { holes: new RangeList(), distrust: null };
  const holes = new RangeList();
  for (let at = 0; at < before.sizeBytes; ) {
    throwIfAborted(search.signal);
    const hole = await nextHole(ranges, at, before.sizeBytes);
    if (typeof hole === 'string') return distrusting(hole);
    if (hole === null) break;
    const { offset, end } = hole;
    if (end - offset >= LIMITS.holeMinBytes.value) {
      if (!(await isHoleEmpty(file, offset, end, search)))
        return distrusting(`data was read where a hole was claimed, at byte ${offset} or behind it`);
      holes.add(offset, end - offset);
    }
    at = end;
  }
  if (!isSameVersion(before, await file.stat()))
    return distrusting('the file changed while it was looked at');
  return { holes, distrust: null };
}

function distrusting(distrust: string): FoundHoles {
  return { holes: new RangeList(), distrust };
}

/** The first hole at or behind `from`; null where none is, a text where the answers contradict each other. */
async function nextHole(
  ranges: FileRanges,
  from: number,
  sizeBytes: number,
): Promise<{ offset: number; end: number } | string | null> {
  let offset: number | null;
  let data: number | null;
  try {
    offset = await ranges.seekHole(from);
    if (offset === null || offset >= sizeBytes) return null;
    data = await ranges.seekData(offset);
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code === 'CW_UNSUPPORTED') return null; // a file system that keeps no holes
    throw failure;
  }
  const end = Math.min(data ?? sizeBytes, sizeBytes);
  return offset < from || end <= offset
    ? 'the file system contradicts itself about its holes'
    : { offset, end };
}

async function isHoleEmpty(
  file: DiskFile,
  offset: number,
  end: number,
  search: HoleSearch,
): Promise<boolean> {
  if (search.check === 'read') return isRangeZero(file, offset, end, search);
  const ends = [offset, Math.max(offset, end - BLOCK_BYTES)];
  for (let at = offset; at < end; at += LIMITS.holeProbeEveryBytes.value) ends.push(at);
  for (const at of ends) {
    if (!(await isRangeZero(file, at, Math.min(end, at + BLOCK_BYTES), search))) return false;
  }
  return true;
}

async function isRangeZero(
  file: DiskFile,
  offset: number,
  end: number,
  search: HoleSearch,
): Promise<boolean> {
  const { scratch, signal } = search;
  for (let at = offset; at < end; ) {
    throwIfAborted(signal);
    const count = await file.read(scratch.subarray(0, Math.min(scratch.byteLength, end - at)), at);
    if (count === 0) return false; // shorter than its size: it changed
    if (!isAllZero(scratch.subarray(0, count))) return false;
    at += count;
  }
  return true;
}

function isSameVersion(before: Stat, after: Stat): boolean {
  return (
    before.sizeBytes === after.sizeBytes &&
    before.mtimeNs === after.mtimeNs &&
    before.ctimeNs === after.ctimeNs
  );
}
