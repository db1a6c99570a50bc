import type { Problem } from '../wire/copy_types.ts';
import type { Stat } from '../world/disk.ts';

/** Nanoseconds since 1970 that 64 bits hold: the years 1677 to 2262. */
const LATEST_NS = 2n ** 63n - 1n;
const EARLIEST_NS = -(2n ** 63n);

export function isCarriedTime(timeNs: bigint): boolean {
  return timeNs >= EARLIEST_NS && timeNs <= LATEST_NS;
}

/**
 * The entry as a plan can tell of it, or null for one that cannot be told of: whether a file is still the planned one
 * is seen by its time. Folders and links get the nearest time there is. `problems` hears of both.
 */
export function withCarriedTime(path: string, stat: Stat, problems: Problem[]): Stat | null {
  const { mtimeNs, kind } = stat;
  if (isCarriedTime(mtimeNs)) return stat;
  const text = 'its modification time lies outside of the years 1677 to 2262';
  if (kind === 'file') {
    problems.push({ path, code: 'CW_UNSUPPORTED', message: `${text}: it is not copied` });
    return null;
  }
  problems.push({
    path,
    code: 'CW_COPY_METADATA',
    message: `${text}: it is copied with the nearest time in them`,
  });
  return { ...stat, mtimeNs: mtimeNs > 0n ? LATEST_NS : EARLIEST_NS };
}
