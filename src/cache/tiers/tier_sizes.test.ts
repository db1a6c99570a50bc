import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CausewayError } from '../../base/errors.ts';
import { type TierWish, tierPlaces } from './tier_sizes.ts';

const MIB = 1024 * 1024;
const wish = (tier: TierWish['tier'], sizeMiB?: number): TierWish => ({
  tier,
  folder: `/${tier}`,
  ...(sizeMiB !== undefined && { sizeBytes: sizeMiB * MIB }),
});
const sizes = (wishes: readonly TierWish[], wholeMiB?: number) =>
  tierPlaces(wishes, wholeMiB === undefined ? undefined : wholeMiB * MIB).map(
    ({ tier, capacityBytes }) => `${tier} ${Math.round(capacityBytes / MIB)}`,
  );

describe('the sizes of tiers', () => {
  it('are their own, the fastest first', () =>
    assert.deepEqual(sizes([wish('cold', 400), wish('hot', 20)]), ['hot 20', 'cold 400']));
  it('are the usual parts of the whole: hot 30 %, warm 60 to 70 %, cold the rest', () => {
    assert.deepEqual(sizes([wish('hot'), wish('warm'), wish('cold')], 1_000), [
      'hot 300',
      'warm 600',
      'cold 100',
    ]);
    assert.deepEqual(sizes([wish('warm'), wish('hot')], 1_000), ['hot 300', 'warm 700']);
    assert.deepEqual(sizes([wish('warm'), wish('cold')], 1_000), ['warm 700', 'cold 300']);
    assert.deepEqual(sizes([wish('hot'), wish('cold')], 1_000), ['hot 300', 'cold 700']);
    assert.deepEqual(sizes([wish('hot')], 1_000), ['hot 1000']);
  });
  const wrong: readonly [string, readonly TierWish[], number | undefined, RegExp][] = [
    ['a tier twice', [wish('hot', 20), wish('hot', 20)], undefined, /twice/],
    ['no size', [wish('hot'), wish('warm')], undefined, /how large/],
    ['a size for some only', [wish('hot', 20), wish('warm')], undefined, /how large/],
    ['sizes and a whole', [wish('hot', 20)], 100, /leave either out/],
    ['a tier that is too small', [wish('hot'), wish('warm')], 40, /hot tier would have 12/],
    [
      'a folder that is not absolute',
      [{ tier: 'hot', folder: 'ssd', sizeBytes: 20 * MIB }],
      undefined,
      /absolute/,
    ],
  ];
  for (const [name, wishes, whole, message] of wrong)
    it(`refuses ${name}`, () =>
      assert.throws(
        () => sizes(wishes, whole),
        (failure: CausewayError) => failure.code === 'CW_USAGE' && message.test(failure.message),
      ));
});
