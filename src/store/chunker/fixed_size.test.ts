import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { between, cutsInPieces, cutsOf } from '../../../test/store/streams.ts';
import { createChunker } from './chunker.ts';

test('cuts every so many bytes, whatever the pieces', (t) => {
  const { seed, random } = seededChance();
  t.diagnostic(`SEED=${seed}`);
  const chunker = createChunker({ kind: 'fixed', chunkBytes: 4096 });
  for (const length of [0, 1, 4095, 4096, 4097, 8192, between(random, 10_000, 900_000)]) {
    const bytes = new Uint8Array(length);
    const expected = Array.from({ length: Math.ceil(length / 4096) }, (_, i) =>
      Math.min(length, 4096 * (i + 1)),
    );
    assert.deepEqual(cutsOf(chunker, bytes), expected);
    assert.deepEqual(cutsInPieces(chunker, bytes, random), expected);
  }
});

test('begins every stream afresh', () => {
  const chunker = createChunker({ kind: 'fixed', chunkBytes: 1024 });
  assert.deepEqual(chunker.push(new Uint8Array(1500)), [1024]);
  assert.equal(chunker.finish(), 1500);
  assert.deepEqual(chunker.push(new Uint8Array(1024)), [1024]);
  assert.equal(chunker.finish(), null);
  assert.equal(chunker.finish(), null);
});
