import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HASH_BYTES, hasHashAt, hashAt, hashBytes, putHash } from './hash.ts';

test('a hash is put into a list and compared with what is there', () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('b')];
  const list = new Uint8Array(2 * HASH_BYTES);
  putHash(a, list, 0);
  putHash(b, list, 1);
  assert.deepEqual([hashAt(list, 0), hashAt(list, 1)], [hashBytes(a), hashBytes(b)]);
  assert.deepEqual(
    [hasHashAt(a, list, 0), hasHashAt(b, list, 1), hasHashAt(b, list, 0), hasHashAt(a, list, 2)],
    [true, true, false, false],
  );
  for (const byte of [0, HASH_BYTES - 1]) {
    const damaged = hashBytes(a);
    damaged[byte]! ^= 1;
    assert.equal(hasHashAt(a, damaged, 0), false);
  }
});
