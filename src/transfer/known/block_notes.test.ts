import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { KnownContent } from '../../wire/known_content.ts';
import { ChunkMap } from '../chunk_map.ts';
import { BlockNotes } from './block_notes.ts';

const BLOCK = 65_536;
const CHUNK = 4 * BLOCK;
const SIZE = 4 * CHUNK + BLOCK + 1;

function file(path: string, hashes: readonly number[]) {
  const chunks = new ChunkMap(hashes.length);
  for (const [at, byte] of hashes.entries()) chunks.written(at, new Uint8Array(32).fill(byte));
  return { index: 3, entry: { path, sizeBytes: SIZE }, chunks };
}

test('blocks of a chunk that the version before has too are taken from there, others are wanted', () => {
  assert.ok(SIZE >= LIMITS.deltaFileMinBytes.value);
  const first = new BlockNotes(file('a.img', [1, 2, 3, 4, 5]), CHUNK, null);
  assert.equal(first.blockBytes, BLOCK);
  for (let at = 0; at < 5; at += 1) {
    assert.equal(first.wants(at), true);
    first.put(at, new Uint8Array((at < 4 ? 4 : 2) * 8).fill(10 + at));
  }
  const former: KnownContent = {
    stamp: { sizeBytes: SIZE, mtimeNs: 0n, ctimeNs: 0n, inode: '1', deviceId: '1' },
    settled: true,
    chunkBytes: CHUNK,
    ...first.hashes(),
  };
  const next = new BlockNotes(file('a.img', [1, 2, 9, 4, 5]), CHUNK, former);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((at) => next.wants(at)),
    [false, false, true, false, false],
  );
  next.put(2, new Uint8Array(32).fill(77));
  const { blocks, blockBytes } = next.hashes();
  assert.equal(blockBytes, BLOCK);
  const eachBlock = Array.from({ length: 18 }, (_, at) => blocks[at * 8]);
  assert.deepEqual(eachBlock, [10, 10, 10, 10, 11, 11, 11, 11, 77, 77, 77, 77, 13, 13, 13, 13, 14, 14]);
});

test('where a chunk was not read back there are no blocks, but the hashes of all chunks', () => {
  const notes = new BlockNotes(file('a.img', [1, 2, 3, 4, 5]), CHUNK, null);
  notes.put(0, new Uint8Array(32));
  assert.deepEqual([notes.hashes().blockBytes, notes.hashes().blocks.byteLength], [0, 0]);
  assert.equal(notes.hashes().chunks.byteLength, 5 * 32);
});

test('of a file that is compared by content only the chunks are kept', () => {
  const notes = new BlockNotes(file('a.txt', [1, 2, 3, 4, 5]), CHUNK, null);
  assert.equal(notes.wants(0), false);
  assert.deepEqual([notes.hashes().blockBytes, notes.hashes().chunks.byteLength], [0, 5 * 32]);
});
