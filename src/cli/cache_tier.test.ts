import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CausewayError } from '../base/errors.ts';
import type { CacheTier } from '../contract/mount_schemas.ts';
import { tierOptions } from './cache_tier_options.ts';
import { tierTable } from './cache_tier_text.ts';

const GIB = 2 ** 30;

describe('--cache-tier', () => {
  const cases: readonly [string, object][] = [
    ['hot:/ssd:20G', { tier: 'hot', folder: '/ssd', sizeBytes: 20 * GIB }],
    ['cold:/archive:1T', { tier: 'cold', folder: '/archive', sizeBytes: 1024 * GIB }],
    ['warm:disk/a', { tier: 'warm', folder: '/data/disk/a' }],
    ['warm:/with:colon', { tier: 'warm', folder: '/with:colon' }],
    ['warm:/with:colon:1G', { tier: 'warm', folder: '/with:colon', sizeBytes: GIB }],
  ];
  for (const [text, expected] of cases)
    it(text, () => assert.deepEqual(tierOptions([text], '/data'), { cacheTiers: [expected] }));
  for (const text of ['', 'hot', 'hot:', 'lukewarm:/ssd', '/ssd', 'hot:/ssd:3'])
    it(`refuses ${text}`, () =>
      assert.throws(
        () => tierOptions([text], '/'),
        ({ code, message }: CausewayError) => code === 'CW_USAGE' && message.includes('--cache-tier'),
      ));
  it('is not there where nobody says it', () => assert.deepEqual(tierOptions(undefined, '/'), {}));
});

const TIER: CacheTier = {
  tier: 'warm',
  folder: '/hdd',
  state: 'on',
  why: null,
  bypassedForMs: null,
  capacityBytes: 2 * GIB,
  limitBytes: 2 * GIB,
  residentBytes: GIB,
  blocks: 8_000,
  indexBytes: 400_000,
  hits: 100,
  promoted: 7,
  demoted: 8,
  evicted: 0,
  damaged: 0,
  bypassed: 0,
  reads: { count: 100, sumUs: 250_000, upTo: [0, 0, 0, 50, 90, 99, 100, 100, 100, 100, 100, 100] },
};
const tableOf = (tiers: readonly CacheTier[]) =>
  tierTable([{ mountpoint: '/mnt', cache: { tiers: [...tiers] } }]);

describe('the table of tiers', () => {
  it('tells of each what it holds, how fast it answers, and what moved', () => {
    const [text = '', ...notes] = tableOf([TIER]);
    const [, row = ''] = text.split('\n');
    assert.match(
      row,
      /^\/mnt +warm +\/hdd +on +- +1\.00 GiB +2\.00 GiB +8000 +100 +2\.50 ms +5 ms +7 +8 +0 +0$/,
    );
    assert.deepEqual(notes, []);
  });
  it('says since when one is passed over, why, and what happens next', () => {
    const [text = '', note = ''] = tableOf([
      { ...TIER, state: 'gone', why: '/hdd: not there', bypassedForMs: 65_000, limitBytes: GIB },
    ]);
    assert.match(text, /gone +1m05s +1\.00 GiB +2\.00 GiB \(1\.00 GiB now\)/);
    assert.match(note, /the warm tier in \/hdd is passed over: \/hdd: not there.*tried again/);
  });
  it('is not there where no cache has tiers', () =>
    assert.deepEqual(tierTable([{ mountpoint: '/mnt', cache: {} }]), []));
});
