import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAllZero } from './zeros.ts';

test('zeros of every length are zeros', () => {
  for (const length of [0, 1, 15, 16, 17, 4096, 65_535, 65_536, 65_552, 65_553, 131_089, 1_000_003])
    assert.equal(isAllZero(new Uint8Array(length)), true, `${length} bytes`);
});

test('a single bit anywhere is seen', () => {
  for (const length of [1, 15, 16, 17, 100, 65_552, 65_553, 200_001]) {
    const bytes = new Uint8Array(length);
    for (const at of new Set([0, 1, 14, 15, 16, 17, 99, 65_551, 65_552, length - 2, length - 1])) {
      if (at < 0 || at >= length) continue;
      bytes[at] = 0x10;
      assert.equal(isAllZero(bytes), false, `byte ${at} of ${length}`);
      bytes[at] = 0;
    }
  }
});

test('looks at the part it is given and at no more', () => {
  const bytes = new Uint8Array(300).fill(1, 0, 100).fill(1, 200);
  assert.equal(isAllZero(bytes.subarray(100, 200)), true);
  assert.equal(isAllZero(bytes.subarray(99, 200)), false);
  assert.equal(isAllZero(bytes.subarray(100, 201)), false);
});
