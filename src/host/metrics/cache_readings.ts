import type { CacheView, MountView } from '../../contract/mount_schemas.ts';
import type { ShareView } from '../../contract/share_schemas.ts';
import { CACHE_FAMILIES } from '../../telemetry/cache_families.ts';
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
}

const NAME = 'causeway_cache_read_seconds';
const { buckets: BOUNDS } = CACHE_FAMILIES[NAME];

function readTimes(readings: Readings, mount: string, reads: CacheView['reads']): void {
  for (const { tier, count, sumUs, upTo } of reads) {
    if (upTo.length !== BOUNDS.length) continue; // a machine of another version counts otherwise
    const labels = { mount, tier };
    for (const [at, bound] of BOUNDS.entries())
      readings.put(NAME, {
        suffix: '_bucket',
        labels: { ...labels, le: String(bound) },
        value: upTo[at] ?? 0,
      });
    readings.put(NAME, { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count });
    readings.put(NAME, { suffix: '_sum', labels, value: sumUs / 1e6 });
    readings.put(NAME, { suffix: '_count', labels, value: count });
  }
}
