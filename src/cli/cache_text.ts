import { formatBytes, formatDuration } from '../base/units.ts';
import type { CacheView, WaitingView } from '../contract/mount_schemas.ts';

/** By bytes that were asked for, 0 to 1; null before the first. */
export function hitRateOf({ bytesFromCache, bytesAsked }: CacheView): number | null {
  return bytesAsked === 0 ? null : bytesFromCache / bytesAsked;
}

/** Of what was fetched ahead, all reasons together. */
export function aheadOf({ ahead }: CacheView): { readonly usedBytes: number; readonly wastedBytes: number } {
  const sum = (of: 'usedBytes' | 'wastedBytes') => ahead.reduce((all, one) => all + one[of], 0);
  return { usedBytes: sum('usedBytes'), wastedBytes: sum('wastedBytes') };
}

export function hitRateText(rate: number | null): string {
  return rate === null ? '-' : `${(100 * rate).toFixed(1)} %`;
}

/** One line on a cache. */
export function cacheText(cache: CacheView): string {
  const { residentBytes, capacityBytes, state } = cache;
  const holds = `${formatBytes(residentBytes)} of ${formatBytes(capacityBytes)}`;
  return `${holds}, hit rate ${hitRateText(hitRateOf(cache))}${state === 'on' ? '' : `, ${state}`}`;
}

/** What waits, in a few words. */
export function waitingText(waiting: WaitingView | null): string {
  if (waiting === null) return 'it is not mounted at the moment';
  const { changes, dirtyBytes, failures } = waiting;
  const [failure] = failures;
  const why = failure === undefined ? '' : `; ${failure.path}: ${failure.message} (${failure.code})`;
  return `${changes} changes with ${formatBytes(dirtyBytes)} wait${why}`;
}

/** A span, or that there is none. */
export function spanText(durationMs: number | null, none: string): string {
  return durationMs === null ? none : formatDuration(durationMs);
}
