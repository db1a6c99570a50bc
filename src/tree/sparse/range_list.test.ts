import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { RangeList } from './range_list.ts';

const pairs = (ranges: Iterable<{ offset: number; lengthBytes: number }>): number[][] =>
  [...ranges].map(({ offset, lengthBytes }) => [offset, lengthBytes]);

test('touching ranges become one, and gaps are what is left', () => {
  const list = new RangeList();
  for (const [offset, length] of [
    [10, 5],
    [15, 5],
    [20, 0],
    [30, 10],
  ] as const)
    list.add(offset, length);
  assert.deepEqual(pairs(list), [
    [10, 10],
    [30, 10],
  ]);
  assert.equal(list.totalBytes, 20);
  assert.deepEqual(pairs(list.gaps(50)), [
    [0, 10],
    [20, 10],
    [40, 10],
  ]);
  assert.deepEqual(pairs(list.gaps(35)), [
    [0, 10],
    [20, 10],
  ]);
  assert.deepEqual(pairs(list.gaps(5)), [[0, 5]]);
  assert.deepEqual(pairs(new RangeList().gaps(7)), [[0, 7]]);
  assert.deepEqual(pairs(new RangeList().gaps(0)), []);
});

test('covers what lies within one range', () => {
  const list = new RangeList();
  for (let i = 0; i < 50; i += 1) list.add(i * 100, 40);
  for (let offset = 0; offset < 5000; offset += 7) {
    for (const length of [1, 20, 41]) {
      const expected = (offset % 100) + length <= 40;
      assert.equal(list.covers(offset, length), expected, `${offset}+${length}`);
    }
  }
  assert.equal(list.covers(100_000, 1), false);
});

test('ranges out of order are a bug of the caller', () => {
  const list = new RangeList();
  list.add(10, 10);
  assert.throws(() => list.add(19, 1));
  assert.throws(() => list.add(5, 1));
  assert.throws(() => new RangeList().add(-1, 1));
});

test('more ranges than the limit are left out and said', () => {
  const list = new RangeList();
  const limit = LIMITS.sparseRangesMax.value;
  for (let i = 0; i < limit; i += 1) list.add(2 * i, 1);
  assert.equal(list.overflowed, false);
  list.add(2 * limit, 1);
  assert.deepEqual([list.count, list.totalBytes, list.overflowed], [limit, limit, true]);
});
