import { LIMITS } from '../base/limits.ts';
import { isAllZero } from '../base/zeros.ts';
import type { SpaceInfo } from '../world/disk.ts';
import type { JobContext } from '../world/offload.ts';
import { readFully } from './file_io.ts';
import type { FileRange } from './sparse_write.ts';

/**
 * File systems whose word on holes comes from the same map of the file that reading goes by. Others have told holes where
 * there was data (OpenZFS before 2.2.2), or pass on the word of a server: there every byte is read.
 */
const KNOWING_HOLES: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs', 'tmpfs', 'f2fs', 'simfs']);
const BLOCK_BYTES = 4096;

/** Whether a hole of this file system counts once it was probed. */
export function knowsHoles({ fileSystem }: Pick<SpaceInfo, 'fileSystem'>): boolean {
  return KNOWING_HOLES.has(fileSystem);
}

/**
 * Whether the whole range is a hole: the file system says so, and a block at each end and one in every
 * LIMITS.holeProbeEveryBytes read as zeros. False where that cannot be found out.
 */
export async function isProbedHole(range: FileRange, context: JobContext): Promise<boolean> {
  const { file, offset, lengthBytes } = range;
  const { ranges } = file.caps;
  if (ranges === null) return false;
  const end = offset + lengthBytes;
  const data = await ranges.seekData(offset).catch(() => offset); // who reads it tells what is wrong, if anything is
  if (data !== null && data < end) return false;
  if (data === null && (await file.stat()).sizeBytes < end) return false;
  const memory = context.scratch(BLOCK_BYTES).subarray(0, BLOCK_BYTES);
  const isZero = async (at: number): Promise<boolean> => {
    const block = memory.subarray(0, Math.min(BLOCK_BYTES, end - at));
    return (await readFully(file, block, at)) === block.byteLength && isAllZero(block);
  };
  if (!(await isZero(Math.max(offset, end - BLOCK_BYTES)))) return false;
  for (let at = offset; at < end; at += LIMITS.holeProbeEveryBytes.value)
    if (!(await isZero(at))) return false;
  return true;
}
