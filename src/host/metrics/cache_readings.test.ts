import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LEASE_WAIT_SECONDS, LeaseCounts } from '../../cache/lease/lease_counts.ts';
import { TIER_SECONDS, TIERS, type TierTime, TierTimes } from '../../cache/store/tier_times.ts';
import type { CacheTier, CacheView } from '../../contract/mount_schemas.ts';
import { CACHE_FAMILIES } from '../../telemetry/cache_families.ts';
import { LEASE_FAMILIES } from '../../telemetry/lease_families.ts';
import { Readings } from '../../telemetry/readings.ts';
import { readCaches } from './cache_readings.ts';

const CACHE: CacheView = {
  policy: 'write-through',
  state: 'slow',
  capacityBytes: 1_000,
  residentBytes: 900,
  files: 1,
  hits: 1,
  misses: 1,
  evicted: 2,
  damaged: 3,
  bypassed: 4,
  memoryBytes: 50,
  memoryLimitBytes: 60,
  memoryPressurePercent: 25,
  bytesAsked: 400,
  bytesFromCache: 300,
  bytesFetched: 200,
  passed: 5,
  ahead: [{ kind: 'sequence', fetchedBytes: 150, usedBytes: 100, wastedBytes: 7 }],
  reads: [],
};

const tierTimes = new TierTimes(['warm']);
for (const tookMs of [3, 30]) tierTimes.observe('warm', tookMs);
const [{ tier: _name, ...TIER_READS }] = tierTimes.times as [TierTime<'warm'>];

const TIER: CacheTier = {
  tier: 'warm',
  folder: '/hdd',
  state: 'gone',
  why: 'it is not there',
  bypassedForMs: 1_000,
  capacityBytes: 700,
  limitBytes: 600,
  residentBytes: 500,
  blocks: 5,
  indexBytes: 300,
  hits: 2,
  promoted: 11,
  demoted: 12,
  evicted: 0,
  damaged: 0,
  bypassed: 0,
  reads: TIER_READS,
};

const LEASES = new LeaseCounts().figures(3);

it('tells of each cache what it counted, once by each name, with times as a histogram', () => {
  const times = new TierTimes(TIERS);
  for (const tookMs of [0.2, 3, 9_000]) times.observe('disk', tookMs);
  const readings = new Readings();
  const mount = {
    vm: 'vm',
    path: '/there',
    state: 'mounted' as const,
    error: null,
    cache: CACHE,
    cachePolicy: null,
    writes: null,
    waiting: null,
    leases: { ...LEASES, waits: { ...LEASES.waits, upTo: [...LEASES.waits.upTo] } },
  };
  readCaches(
    readings,
    [
      {
        vm: 'vm',
        folder: '/f',
        mountpoint: '/here',
        readOnly: false,
        state: 'mounted',
        error: null,
        cache: { ...CACHE, reads: times.times, tiers: [TIER] },
        cachePolicy: 'write-through',
        writes: null,
        waiting: null,
      },
    ],
    [{ mount }, { mount: null }],
  );
  const told = new Map(readings.families().map((family) => [family.name, family.samples]));
  const sample = (name: string, at = 0) => told.get(name)?.[at]?.value;
  assert.deepEqual(
    told.get('causeway_cache_up')?.map(({ labels, value }) => [labels['mount'], value]),
    [
      ['/here', 0],
      ['vm:/there', 0],
    ],
  );
  assert.equal(sample('causeway_cache_hit_bytes'), 300);
  assert.equal(sample('causeway_cache_memory_pressure_ratio'), 0.25);
  assert.equal(sample('causeway_cache_ahead_wasted_bytes'), 7);
  assert.equal(told.has('causeway_cache_dirty_bytes'), false, 'nothing waits in a cache that writes through');
  assert.deepEqual(
    ['up', 'capacity_bytes', 'resident_bytes', 'hits', 'promoted_blocks', 'demoted_blocks'].map((name) =>
      sample(`causeway_cache_tier_${name}`),
    ),
    [0, 700, 500, 2, 11, 12],
  );
  const ofTier = told.get('causeway_cache_tier_read_seconds') ?? [];
  assert.deepEqual(
    ['0.005', '0.05', '+Inf'].map((le) => ofTier.find(({ labels }) => labels['le'] === le)?.value),
    [1, 2, 2],
  );
  assert.ok(ofTier.every(({ labels }) => labels['tier'] === 'warm' && labels['mount'] === '/here'));
  const disk = (told.get('causeway_cache_read_seconds') ?? []).filter(
    ({ labels }) => labels['tier'] === 'disk',
  );
  const bucket = (le: string) => disk.find(({ labels }) => labels['le'] === le)?.value;
  assert.deepEqual(['0.0001', '0.00025', '0.005', '2.5', '+Inf'].map(bucket), [0, 1, 2, 2, 3]);
  assert.equal(disk.find(({ suffix }) => suffix === '_count')?.value, 3);
  assert.ok(Math.abs((disk.find(({ suffix }) => suffix === '_sum')?.value ?? 0) - 9.0032) < 1e-9);
});

it('has the bounds that caches count by', () => {
  assert.deepEqual(CACHE_FAMILIES.causeway_cache_read_seconds.buckets, TIER_SECONDS);
  assert.deepEqual(CACHE_FAMILIES.causeway_cache_tier_read_seconds.buckets, TIER_SECONDS);
  assert.deepEqual(LEASE_FAMILIES.causeway_lease_wait_seconds.buckets, LEASE_WAIT_SECONDS);
});
