import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { DiskFile } from '../world/disk.ts';

/** From this share on, what is in memory of a file is somebody else's doing. */
const IN_USE_SHARE = 0.25;

/** Whether a file is so large that a copy leaves none of it in memory: it would push out what the machine works with. */
export function isHuge(sizeBytes: number): boolean {
  return sizeBytes >= LIMITS.cacheFileMinBytes.value;
}

/** Whether a file that is written would fill a good part of the memory before it is complete. */
export function overfills(sizeBytes: number, memoryBytes: number): boolean {
  return isHuge(sizeBytes) && sizeBytes >= (memoryBytes * LIMITS.cacheMemoryPercent.value) / 100;
}

/** Whether pages of a source may be forgotten once they are read: it is huge, and nobody else has it in memory. */
export async function mayForget(file: DiskFile, sizeBytes: number): Promise<boolean> {
  const { cache } = file.caps;
  if (cache === null || !isHuge(sizeBytes)) return false;
  const cachedBytes = await cache.cachedBytes(0, sizeBytes);
  return cachedBytes !== null && cachedBytes < sizeBytes * IN_USE_SHARE;
}

/** Gives the memory of a range back to the system. What a file system does not forget stays: nothing depends on it. */
export async function forgetPages(file: DiskFile, offset: number, lengthBytes: number): Promise<void> {
  try {
    await file.caps.cache?.drop(offset, lengthBytes);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_INTERNAL') throw failure;
  }
}

/**
 * The same for a range that was read, and for what lies before it: another lane that has read there had the system read
 * ahead, perhaps after its own pages were forgotten.
 */
export async function forgetRead(file: DiskFile, offset: number, lengthBytes: number): Promise<void> {
  const from = Math.max(0, offset - LIMITS.cacheBehindBytes.value);
  await forgetPages(file, from, offset + lengthBytes - from);
}
