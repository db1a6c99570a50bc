import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { between, cutsOf, randomBytes } from '../../../test/store/streams.ts';
import { readChunks } from './chunk_reader.ts';
import { createChunker } from './chunker.ts';
import type { Chunking } from './chunking.ts';

const CDC: Chunking = {
  kind: 'fastcdc',
  minBytes: 1024,
  averageBytes: 4096,
  maxBytes: 16_384,
  normalization: 2,
};
const FIXED: Chunking = { kind: 'fixed', chunkBytes: 5000 };
const { seed, random } = seededChance();
const SEED = `SEED=${seed}`;

const readerOf = (bytes: Uint8Array, most: () => number) => async (into: Uint8Array, offset: number) => {
  const part = bytes.subarray(offset, offset + Math.min(into.byteLength, most()));
  into.set(part);
  return part.byteLength;
};

test('gives every chunk with its bytes, whatever a read brings', async (t) => {
  t.diagnostic(SEED);
  for (const chunking of [CDC, FIXED]) {
    for (const length of [0, 1, 4999, 5000, 40_000, 65_536, 700_000]) {
      const bytes = randomBytes(random, length);
      const chunker = createChunker(chunking, 40_000);
      const ends: number[] = [];
      const read = readerOf(bytes, () => between(random, 1, 60_000));
      for await (const chunk of readChunks(read, chunker)) {
        const end = chunk.offset + chunk.bytes.byteLength;
        assert.equal(chunk.offset, ends.at(-1) ?? 0);
        assert.equal(Buffer.compare(chunk.bytes, bytes.subarray(chunk.offset, end)), 0, SEED);
        ends.push(end);
      }
      assert.deepEqual(ends, cutsOf(createChunker(chunking), bytes), SEED);
    }
  }
});

test('leaves the chunker ready for the next stream when it is left in the middle or the read fails', async () => {
  const bytes = randomBytes(random, 200_000);
  const chunker = createChunker(CDC, 64_000);
  for await (const { offset } of readChunks(
    readerOf(bytes, () => 50_000),
    chunker,
  ))
    if (offset > 0) break;
  const failing = async (into: Uint8Array, offset: number) => {
    if (offset > 60_000) throw new Error('the device failed');
    return into.byteLength;
  };
  await assert.rejects(async () => {
    for await (const chunk of readChunks(failing, chunker)) assert.ok(chunk.bytes.byteLength > 0);
  }, /the device failed/);
  assert.deepEqual(cutsOf(chunker, bytes), cutsOf(createChunker(CDC), bytes));
});

test('is not led astray by a stream that was not ended', async () => {
  const bytes = randomBytes(random, 100_000);
  const chunker = createChunker(CDC, 64_000);
  chunker.push(bytes.subarray(0, 50_000));
  let next = 0;
  for await (const { offset, bytes: part } of readChunks(
    readerOf(bytes, () => 50_000),
    chunker,
  )) {
    assert.equal(offset, next);
    next += part.byteLength;
  }
  assert.equal(next, bytes.byteLength);
});

test('a window that is too small is a bug of the caller', async () => {
  const chunks = readChunks(async () => 0, createChunker(CDC, 32_767));
  await assert.rejects(chunks.next(), /two chunks/);
});
