import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortHashes, shortHashesOfZeros } from './short_hash.ts';

test('blocks of zeros have the same hashes whether they are read or not', () => {
  for (const lengthBytes of [1, 65_536, 65_537, 4 * 65_536, 4 * 65_536 - 1])
    assert.deepEqual(
      shortHashesOfZeros(lengthBytes, 65_536),
      shortHashes(new Uint8Array(lengthBytes), 65_536),
    );
});
