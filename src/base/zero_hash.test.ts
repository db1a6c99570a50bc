import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashBytes } from './hash.ts';
import { hashOfZeros, hashSparsely } from './zero_hash.ts';

test('the hash is that of the bytes, zeros or not', () => {
  for (let round = 0; round < 2; round += 1) {
    for (let length = 0; length < 40_000; length += 997) {
      const bytes = new Uint8Array(length);
      assert.deepEqual(hashOfZeros(length), hashBytes(bytes));
      assert.deepEqual(hashSparsely(bytes), { hash: hashBytes(bytes), zeros: true });
      if (length === 0) continue;
      bytes[(length * 7) % length] = 1;
      assert.deepEqual(hashSparsely(bytes), { hash: hashBytes(bytes), zeros: false });
    }
  }
});
