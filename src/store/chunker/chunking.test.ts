import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Chunking,
  chunkingId,
  FASTCDC_DEFAULT,
  isValidChunking,
  largestChunkBytes,
  parseChunkingId,
} from './chunking.ts';

test('a way of cutting has a stable name and is found by it', () => {
  assert.equal(chunkingId(FASTCDC_DEFAULT), 'fastcdc-gear32/16384/65536/262144/2');
  assert.equal(chunkingId({ kind: 'fixed', chunkBytes: 65_536 }), 'fixed/65536');
  for (const chunking of [FASTCDC_DEFAULT, { kind: 'fixed', chunkBytes: 1024 }] satisfies Chunking[])
    assert.deepEqual(parseChunkingId(chunkingId(chunking)), chunking);
});

test('names of nothing are refused', () => {
  const bad = [
    ...['', 'fixed', 'fixed/', 'fixed/0', 'fixed/1023', 'fixed/4194305', 'fixed/65536/1', 'fixed/065536'],
    ...['fixed/1e5', 'fixed/65536.5', 'fixed/NaN', 'other/65536', 'fastcdc-gear64/16384/65536/262144/2'],
    ...['fastcdc-gear32/65536/65536/262144/2', 'fastcdc-gear32/16384/65536/65536/2'],
    ...['fastcdc-gear32/16384/65537/262144/2', 'fastcdc-gear32/16384/65536/262144/4'],
    ...['fastcdc-gear32/16384/65536/262144', 'fastcdc-gear32/16384/65536/262144/2/2'],
  ];
  for (const text of bad) assert.equal(parseChunkingId(text), null, text);
});

test('sizes outside the limits are no way of cutting', () => {
  assert.ok(isValidChunking(FASTCDC_DEFAULT));
  assert.ok(!isValidChunking({ ...FASTCDC_DEFAULT, minBytes: 65_536 }));
  assert.ok(!isValidChunking({ ...FASTCDC_DEFAULT, averageBytes: 60_000 }));
  assert.ok(!isValidChunking({ ...FASTCDC_DEFAULT, maxBytes: 8 * 1024 * 1024 }));
  assert.ok(!isValidChunking({ ...FASTCDC_DEFAULT, normalization: -1 }));
  assert.ok(!isValidChunking({ kind: 'fixed', chunkBytes: 100 }));
});

test('the largest chunk is known beforehand', () => {
  assert.equal(largestChunkBytes(FASTCDC_DEFAULT), 262_144);
  assert.equal(largestChunkBytes({ kind: 'fixed', chunkBytes: 4096 }), 4096);
});
