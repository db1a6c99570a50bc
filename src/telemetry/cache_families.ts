import { counter, type FamilySpec, gauge, histogram } from './family.ts';

/** As src/cache counts them: seconds. */
const READ_SECONDS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/** Caches of mounts, by where they are mounted: a place of this host, or `machine:place`. Counts since they were mounted. */
export const CACHE_FAMILIES = {
  causeway_cache_up: gauge('1 where the disk of a cache is well, 0 where reads go past it.', null, ['mount']),
  causeway_cache_capacity_bytes: gauge('What a cache may keep on its disk.', 'bytes', ['mount']),
  causeway_cache_resident_bytes: gauge('What a cache keeps on its disk.', 'bytes', ['mount']),
  causeway_cache_memory_bytes: gauge('Blocks of a cache that are in memory.', 'bytes', ['mount']),
  causeway_cache_memory_limit_bytes: gauge('Blocks of a cache that may be in memory now.', 'bytes', [
    'mount',
  ]),
  causeway_cache_memory_pressure_ratio: gauge(
    '0 where there is memory to spare for a cache, 1 where there is none.',
    'ratio',
    ['mount'],
  ),
  causeway_cache_asked_bytes: counter('Bytes of reads that a cache answered.', 'bytes', ['mount']),
  causeway_cache_hit_bytes: counter(
    'Those of them that were there, or on their way because they were fetched ahead.',
    'bytes',
    ['mount'],
  ),
  causeway_cache_fetched_bytes: counter('Bytes that a cache fetched, for whatever reason.', 'bytes', [
    'mount',
  ]),
  causeway_cache_passed_reads: counter('Reads that went past a cache.', null, ['mount']),
  causeway_cache_evicted_blocks: counter('Blocks that had to leave a cache for others.', null, ['mount']),
  causeway_cache_damaged_blocks: counter(
    'Blocks that were changed on the disk of a cache from outside, and were fetched again.',
    null,
    ['mount'],
  ),
  causeway_cache_bypassed_blocks: counter(
    'Blocks that were not looked for, or not kept, because of the disk of a cache.',
    null,
    ['mount'],
  ),
  causeway_cache_ahead_fetched_bytes: counter(
    'Bytes that a cache fetched before they were asked for, by the reason.',
    'bytes',
    ['mount', 'kind'],
  ),
  causeway_cache_ahead_used_bytes: counter('Those of them that were asked for.', 'bytes', ['mount', 'kind']),
  causeway_cache_ahead_wasted_bytes: counter('Those of them that were fetched in vain.', 'bytes', [
    'mount',
    'kind',
  ]),
  causeway_cache_read_seconds: histogram(
    'How long reads took that a cache answered, by where the slowest block came from.',
    READ_SECONDS,
    ['mount', 'tier'],
  ),
  causeway_cache_tier_up: gauge('1 where the disk of a tier is well, 0 where reads go past it.', null, [
    'mount',
    'tier',
  ]),
  causeway_cache_tier_capacity_bytes: gauge('What a tier of a cache may keep.', 'bytes', ['mount', 'tier']),
  causeway_cache_tier_resident_bytes: gauge('What a tier of a cache keeps.', 'bytes', ['mount', 'tier']),
  causeway_cache_tier_hits: counter('Blocks that a tier of a cache answered.', null, ['mount', 'tier']),
  causeway_cache_tier_promoted_blocks: counter(
    'Blocks that have left a tier of a cache for a faster one.',
    null,
    ['mount', 'tier'],
  ),
  causeway_cache_tier_demoted_blocks: counter(
    'Blocks that have left a tier of a cache for a slower one.',
    null,
    ['mount', 'tier'],
  ),
  causeway_cache_tier_read_seconds: histogram(
    'How long reads of blocks took that a tier of a cache answered.',
    READ_SECONDS,
    ['mount', 'tier'],
  ),
  causeway_cache_dirty_bytes: gauge('What was written in a mount and is not on its machine yet.', 'bytes', [
    'mount',
  ]),
  causeway_cache_oldest_dirty_seconds: gauge('For how long the oldest of it waits.', 'seconds', ['mount']),
} as const satisfies Record<string, FamilySpec>;
