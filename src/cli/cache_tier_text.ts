import { formatBytes } from '../base/units.ts';
import type { CacheTier, CacheView } from '../contract/mount_schemas.ts';
import { spanText } from './cache_text.ts';
import { table } from './terminal.ts';

const HEAD = [
  'MOUNTED AT',
  'TIER',
  'FOLDER',
  'DISK',
  'FOR',
  'HOLDS',
  'OF',
  'BLOCKS',
  'HITS',
  'MEAN',
  '99 % WITHIN',
  'PROMOTED',
  'DEMOTED',
  'EVICTED',
  'DAMAGED',
];

/** Upper bounds of the histogram, in ms; what takes longer is in none. */
const BOUNDS_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 500, 2_500];

/** The tiers of all caches that have some, and what is wrong with them; nothing where none has. */
export function tierTable(
  mounts: readonly { readonly mountpoint: string; readonly cache: Pick<CacheView, 'tiers'> }[],
): string[] {
  const tiers = mounts.flatMap(({ mountpoint, cache }) =>
    (cache.tiers ?? []).map((tier) => ({ mountpoint, tier })),
  );
  if (tiers.length === 0) return [];
  const rows = tiers.map(({ mountpoint, tier }) => [mountpoint, ...rowOf(tier)]);
  const notes = tiers.flatMap(({ mountpoint, tier }) => noteOf(mountpoint, tier));
  return [table([HEAD, ...rows]), ...notes];
}

function noteOf(mountpoint: string, { tier, folder, state, why }: CacheTier): string[] {
  if (state === 'on') return [];
  const isRead = state === 'full' || state === 'read-only';
  const what = isRead ? 'keeps nothing more' : 'is passed over';
  return [
    `${mountpoint}: the ${tier} tier in ${folder} ${what}: ${why ?? state}. It is tried again by itself; reads go on.`,
  ];
}

function rowOf(tier: CacheTier): string[] {
  const { reads, limitBytes, capacityBytes } = tier;
  const room = formatBytes(capacityBytes);
  return [
    tier.tier,
    tier.folder,
    tier.state,
    spanText(tier.bypassedForMs, '-'),
    formatBytes(tier.residentBytes),
    limitBytes < capacityBytes ? `${room} (${formatBytes(limitBytes)} now)` : room,
    String(tier.blocks),
    String(tier.hits),
    reads.count === 0 ? '-' : `${(reads.sumUs / reads.count / 1_000).toFixed(2)} ms`,
    withinText(reads),
    ...[tier.promoted, tier.demoted, tier.evicted, tier.damaged].map(String),
  ];
}

/** The bound below which 99 % of the reads are. */
function withinText({ count, upTo }: CacheTier['reads']): string {
  if (count === 0) return '-';
  const at = upTo.findIndex((reads) => reads >= count * 0.99);
  const bound = BOUNDS_MS[at];
  return bound === undefined ? `> ${BOUNDS_MS.at(-1)} ms` : `${bound} ms`;
}
