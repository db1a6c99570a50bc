import type { CachePolicy } from '../../contract/cache_schemas.ts';
import type { LeaseView } from '../../contract/lease_schemas.ts';
import type { CacheView, MountView, WaitingView } from '../../contract/mount_schemas.ts';
import type { ShareView } from '../../contract/share_schemas.ts';

/** A mount that keeps something, here or in a machine. */
export interface ShownCache {
  readonly mountpoint: string;
  readonly source: string;
  /** The machine that has the mount; null: this host. */
  readonly machine: string | null;
  readonly policy: CachePolicy;
  readonly cache: CacheView | null;
  readonly waiting: WaitingView | null;
  /** Null where this host does not know them. */
  readonly leases: LeaseView | null;
}

/** Those of this host first, by their places. */
export function shownCaches(mounts: readonly MountView[], shares: readonly ShareView[]): ShownCache[] {
  const here = mounts.map(
    ({ mountpoint, vm, folder, cache, waiting, cachePolicy }): ShownCache => ({
      mountpoint,
      source: `${vm}:${folder}`,
      machine: null,
      policy: cache?.policy ?? cachePolicy ?? 'none',
      cache,
      waiting,
      leases: null,
    }),
  );
  const there = shares.flatMap(({ source, mount }): ShownCache[] => {
    if (!mount?.cache) return [];
    const { vm, path, cache, leases } = mount;
    const policy = cache.policy;
    return [{ mountpoint: path, source, machine: vm, policy, cache, waiting: null, leases }];
  });
  return [...here, ...there].filter(({ cache, waiting }) => cache !== null || waiting !== null);
}

/** Percent of the bytes that were asked for; null before the first. */
export function hitPercent({ bytesFromCache, bytesAsked }: CacheView): number | null {
  return bytesAsked === 0 ? null : (100 * bytesFromCache) / bytesAsked;
}

export function aheadBytes({ ahead }: CacheView): {
  readonly usedBytes: number;
  readonly wastedBytes: number;
} {
  const sum = (of: 'usedBytes' | 'wastedBytes') => ahead.reduce((all, one) => all + one[of], 0);
  return { usedBytes: sum('usedBytes'), wastedBytes: sum('wastedBytes') };
}

/** Mean in ms with as many digits as tell something. */
export function meanText(sumUs: number, count: number): string {
  const ms = sumUs / 1_000 / Math.max(1, count);
  return ms < 10 ? ms.toFixed(2) : String(Math.round(ms));
}
