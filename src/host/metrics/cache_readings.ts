import type { LeaseView } from '../../contract/lease_schemas.ts';
import type { CacheTier, CacheView, MountView } from '../../contract/mount_schemas.ts';
import type { ShareView } from '../../contract/share_schemas.ts';
import { CACHE_FAMILIES } from '../../telemetry/cache_families.ts';
import { LEASE_FAMILIES } from '../../telemetry/lease_families.ts';
import type { Readings } from '../../telemetry/readings.ts';

/** How the caches of mounts fare: those of this host, and what machines tell of theirs. */
export function readCaches(
  readings: Readings,
  mounts: readonly MountView[],
  shares: readonly Pick<ShareView, 'mount'>[],
): void {
  for (const { mountpoint, cache, waiting } of mounts) {
    if (cache !== null) readCache(readings, mountpoint, cache);
    readings.set('causeway_cache_dirty_bytes', { mount: mountpoint }, waiting?.dirtyBytes);
    const ageMs = waiting === null ? null : (waiting.oldestDirtyAgeMs ?? 0);
    if (ageMs !== null)
      readings.set('causeway_cache_oldest_dirty_seconds', { mount: mountpoint }, ageMs / 1_000);
  }
  for (const { mount } of shares)
    if (mount?.leases) readLeases(readings, `${mount.vm}:${mount.path}`, mount.leases);
  for (const { mount } of shares)
    if (mount?.cache) readCache(readings, `${mount.vm}:${mount.path}`, mount.cache);
}

function readCache(readings: Readings, mount: string, cache: CacheView): void {
  const labels = { mount };
  readings.set('causeway_cache_up', labels, cache.state === 'on' ? 1 : 0);
  readings.set('causeway_cache_capacity_bytes', labels, cache.capacityBytes);
  readings.set('causeway_cache_resident_bytes', labels, cache.residentBytes);
  readings.set('causeway_cache_memory_bytes', labels, cache.memoryBytes);
  readings.set('causeway_cache_memory_limit_bytes', labels, cache.memoryLimitBytes);
  readings.set('causeway_cache_memory_pressure_ratio', labels, cache.memoryPressurePercent / 100);
  readings.set('causeway_cache_asked_bytes', labels, cache.bytesAsked);
  readings.set('causeway_cache_hit_bytes', labels, cache.bytesFromCache);
  readings.set('causeway_cache_fetched_bytes', labels, cache.bytesFetched);
  readings.set('causeway_cache_passed_reads', labels, cache.passed);
  readings.set('causeway_cache_evicted_blocks', labels, cache.evicted);
  readings.set('causeway_cache_damaged_blocks', labels, cache.damaged);
  readings.set('causeway_cache_bypassed_blocks', labels, cache.bypassed);
  for (const { kind, fetchedBytes, usedBytes, wastedBytes } of cache.ahead) {
    readings.set('causeway_cache_ahead_fetched_bytes', { mount, kind }, fetchedBytes);
    readings.set('causeway_cache_ahead_used_bytes', { mount, kind }, usedBytes);
    readings.set('causeway_cache_ahead_wasted_bytes', { mount, kind }, wastedBytes);
  }
  readTimes(readings, mount, cache.reads);
  for (const tier of cache.tiers ?? []) readTier(readings, mount, tier);
}

function readTier(readings: Readings, mount: string, of: CacheTier): void {
  const labels = { mount, tier: of.tier };
  readings.set('causeway_cache_tier_up', labels, of.state === 'on' ? 1 : 0);
  readings.set('causeway_cache_tier_capacity_bytes', labels, of.capacityBytes);
  readings.set('causeway_cache_tier_resident_bytes', labels, of.residentBytes);
  readings.set('causeway_cache_tier_hits', labels, of.hits);
  readings.set('causeway_cache_tier_promoted_blocks', labels, of.promoted);
  readings.set('causeway_cache_tier_demoted_blocks', labels, of.demoted);
  readHistogram(readings, 'causeway_cache_tier_read_seconds', labels, of.reads);
}

function readLeases(readings: Readings, mount: string, leases: LeaseView): void {
  const labels = { mount };
  readings.set('causeway_lease_held', labels, leases.held);
  readings.set('causeway_lease_granted', labels, leases.granted);
  readings.set('causeway_lease_broken', labels, leases.broken);
  readings.set('causeway_lease_recalled', labels, leases.recalled);
  readings.set('causeway_lease_fenced', labels, leases.fenced);
  readHistogram(readings, 'causeway_lease_wait_seconds', labels, leases.waits);
}

const FAMILIES = { ...CACHE_FAMILIES, ...LEASE_FAMILIES };
const NAME = 'causeway_cache_read_seconds';
const { buckets: BOUNDS } = CACHE_FAMILIES[NAME];

function readTimes(readings: Readings, mount: string, reads: CacheView['reads']): void {
  for (const { tier, count, sumUs, upTo } of reads) {
    if (upTo.length !== BOUNDS.length) continue; // a machine of another version counts otherwise
    readHistogram(readings, NAME, { mount, tier }, { count, sumUs, upTo });
  }
}

function readHistogram(
  readings: Readings,
  name: typeof NAME | 'causeway_cache_tier_read_seconds' | 'causeway_lease_wait_seconds',
  labels: Readonly<Record<string, string>>,
  { count, sumUs, upTo }: LeaseView['waits'],
): void {
  for (const [at, bound] of FAMILIES[name].buckets.entries())
    readings.put(name, { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: upTo[at] ?? 0 });
  readings.put(name, { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count });
  readings.put(name, { suffix: '_sum', labels, value: sumUs / 1e6 });
  readings.put(name, { suffix: '_count', labels, value: count });
}
