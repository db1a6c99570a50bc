import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatBytes } from '../../base/units.ts';
import { TIER_NAMES, type TierName, type TierPlace } from '../store/store_types.ts';

/** A tier as somebody wishes for it. */
export interface TierWish {
  readonly tier: TierName;
  /** Absolute path. */
  readonly folder: string;
  /** Absent: its usual part of the whole. */
  readonly sizeBytes?: number | undefined;
}

const HOT_SHARE = 0.3;
const WARM_SHARE = 0.6;

/** The usual parts of a whole: a hot tier has 30 %, a warm one 60 to 70 %, a cold one what is left. */
export function usualShares(tiers: readonly TierName[]): Partial<Record<TierName, number>> {
  const hot = tiers.includes('hot') ? HOT_SHARE : 0;
  if (tiers.length === 1) return { [tiers[0] as TierName]: 1 };
  if (!tiers.includes('cold')) return { hot, warm: 1 - hot };
  if (!tiers.includes('warm')) return { hot, cold: 1 - hot };
  const warm = hot > 0 ? WARM_SHARE : 1 - HOT_SHARE;
  return { hot, warm, cold: 1 - hot - warm };
}

/**
 * Tiers with their sizes, the fastest first: each with its own, or all with their usual parts of `wholeBytes`. CW_USAGE
 * where one is named twice, sizes are there for some only or twice, or one is too small.
 */
export function tierPlaces(wishes: readonly TierWish[], wholeBytes: number | undefined): TierPlace[] {
  const named = TIER_NAMES.filter((tier) => wishes.some((wish) => wish.tier === tier));
  if (named.length < wishes.length) throw new CausewayError('CW_USAGE', 'a tier of a cache is named twice');
  const sized = wishes.filter(({ sizeBytes }) => sizeBytes !== undefined).length;
  if (sized === wishes.length && wholeBytes !== undefined)
    throw new CausewayError('CW_USAGE', 'a cache has the size of its tiers: leave either out');
  if (sized < wishes.length && (sized > 0 || wholeBytes === undefined))
    throw new CausewayError(
      'CW_USAGE',
      'say how large the tiers are: each of them (hot:/ssd:10G), or all together (--cache-size)',
    );
  const shares = usualShares(named);
  return named.map((tier) => {
    const { folder, sizeBytes } = wishes.find((wish) => wish.tier === tier) as TierWish;
    if (!folder.startsWith('/')) throw new CausewayError('CW_USAGE', `${folder}: an absolute path is needed`);
    const capacityBytes = sizeBytes ?? Math.floor((wholeBytes ?? 0) * (shares[tier] ?? 0));
    const { cacheSizeMinBytes } = LIMITS;
    if (capacityBytes < cacheSizeMinBytes.value)
      throw new CausewayError(
        'CW_USAGE',
        `the ${tier} tier would have ${formatBytes(capacityBytes)}: at least ${formatBytes(cacheSizeMinBytes.value)} are needed`,
      );
    return { tier, folder, capacityBytes };
  });
}
