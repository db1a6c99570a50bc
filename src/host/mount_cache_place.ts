import { CausewayError } from '../base/errors.ts';
import type { TierPlace } from '../cache/store/store_types.ts';
import { tierPlaces } from '../cache/tiers/tier_sizes.ts';
import type { AddMountRequest } from '../contract/mount_schemas.ts';
import type { CacheWish } from '../share/fuse/mount_caches.ts';

/** Where what a mount keeps of what is read lies, as the daemon remembers it. */
export interface CachePlace {
  readonly cacheBytes?: number;
  readonly cacheFolder?: string;
  readonly cacheTiers?: readonly TierPlace[];
}

/** The tiers of a cache with their sizes, and what they have together. CW_USAGE. */
export function tiersOf(
  request: Pick<AddMountRequest, 'cacheTiers' | 'cacheBytes' | 'cacheFolder'>,
): Pick<CachePlace, 'cacheTiers' | 'cacheBytes'> {
  const { cacheTiers, cacheBytes, cacheFolder } = request;
  if (cacheTiers === undefined) return cacheBytes === undefined ? {} : { cacheBytes };
  if (cacheFolder !== undefined)
    throw new CausewayError('CW_USAGE', 'a cache lies in one folder, or in tiers: leave either out');
  const tiers = tierPlaces(cacheTiers, cacheBytes);
  return { cacheTiers: tiers, cacheBytes: tiers.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0) };
}

export function placeWish({ cacheBytes = 0, cacheFolder, cacheTiers }: CachePlace): CacheWish {
  const tiers = cacheTiers === undefined ? {} : { tiers: cacheTiers };
  return { sizeBytes: cacheBytes, folder: cacheFolder ?? null, ...tiers };
}
