import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HASH_BYTES, hashBytes } from '../base/hash.ts';
import { ChunkMap } from './chunk_map.ts';

const HASH = new Uint8Array(HASH_BYTES).fill(0xab);

test('files share memory, and none reaches into that of its neighbours', () => {
  const [before, file, after] = [new ChunkMap(2), new ChunkMap(1), new ChunkMap(2)];
  for (const [at, map] of [before, after].entries())
    for (const index of [0, 1]) map.written(index, new Uint8Array(HASH_BYTES).fill(at + 1));
  file.written(0, HASH);
  for (const index of [1, 2, 5]) {
    assert.throws(() => file.written(index, HASH));
    assert.throws(() => file.claim(index, HASH));
    file.lost(index);
    file.durable(index);
    assert.equal(file.has(index), false);
  }
  assert.throws(() => file.written(0, new Uint8Array(HASH_BYTES + 1)));
  assert.equal(file.missing, 0);
  assert.deepEqual(file.hashes(), HASH);
  assert.deepEqual(file.hashes(0, 3), HASH);
  for (const [at, map] of [before, after].entries()) {
    assert.deepEqual(map.hashes(), new Uint8Array(2 * HASH_BYTES).fill(at + 1));
    assert.deepEqual([map.missing, map.has(0), map.has(1), map.isDurable(1)], [0, true, true, false]);
  }
});

test('the hashes are given one by one, together, and as a root', () => {
  const map = new ChunkMap(3);
  for (const index of [0, 1, 2]) map.written(index, new Uint8Array(HASH_BYTES).fill(index));
  assert.deepEqual(map.hash(1), new Uint8Array(HASH_BYTES).fill(1));
  const into = new Uint8Array(5 * HASH_BYTES).fill(9);
  map.putHashes(into, HASH_BYTES);
  assert.deepEqual(into.subarray(HASH_BYTES, 4 * HASH_BYTES), map.hashes());
  assert.equal(into[HASH_BYTES - 1], 9);
  assert.equal(into[4 * HASH_BYTES], 9);
  assert.deepEqual(map.root(), hashBytes(map.hashes()));
});

test('a file without chunks has nothing and misses nothing', () => {
  const map = new ChunkMap(0);
  map.lost(0);
  assert.deepEqual([map.missing, map.has(0), map.hashes().byteLength], [0, false, 0]);
});
