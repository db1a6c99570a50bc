import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { DeltaStep } from '../../store/delta/delta_plan.ts';
import type { PatchSegment } from '../../wire/patch.ts';
import { copiedBytes, deltaChunking, segmentsOfBlocks, segmentsOfSteps } from './file_delta.ts';

const KIB = 1024;
const segment = (literalBytes: number, copyBytes: number, copyFrom: number): PatchSegment => ({
  literalBytes,
  copyBytes,
  copyFrom,
});

test('blocks that are the same are copied from the same place, neighbours together', () => {
  const chunk = { offset: 1_000, lengthBytes: 450 };
  const segments = segmentsOfBlocks(chunk, 100, Uint8Array.of(1, 1, 0, 0, 1));
  assert.deepEqual(segments, [segment(0, 200, 1_000), segment(200, 50, 1_400)]);
  assert.equal(copiedBytes(segments), 250);
});

test('a chunk of which nothing is there has nothing to copy', () => {
  const segments = segmentsOfBlocks({ offset: 0, lengthBytes: 250 }, 100, new Uint8Array(3));
  assert.deepEqual(segments, [segment(250, 0, 0)]);
});

/** A copy of 1,000 bytes from 5,000 on, 500 new ones, a copy of 1,000 from 9,000 on. */
const STEPS: readonly DeltaStep[] = [
  { kind: 'copy', offset: 0, lengthBytes: 1_000, firstChunk: 0, chunkCount: 1, seed: 0, seedOffset: 5_000 },
  { kind: 'send', offset: 1_000, lengthBytes: 500, firstChunk: 1, chunkCount: 1 },
  {
    kind: 'copy',
    offset: 1_500,
    lengthBytes: 1_000,
    firstChunk: 2,
    chunkCount: 1,
    seed: 0,
    seedOffset: 9_000,
  },
];

test('a chunk takes its part of the steps of its file', () => {
  const of = (offset: number, lengthBytes: number) => segmentsOfSteps({ offset, lengthBytes }, STEPS);
  assert.deepEqual(of(0, 800), [segment(0, 800, 5_000)]);
  assert.deepEqual(of(800, 800), [segment(0, 200, 5_800), segment(500, 100, 9_000)]);
  assert.deepEqual(of(1_600, 800), [segment(0, 800, 9_100)]);
  assert.deepEqual(of(2_400, 100), [segment(0, 100, 9_900)]);
  assert.deepEqual(of(1_100, 100), [segment(100, 0, 0)]);
});

test('beyond the limit of segments the rest travels, and the bytes still add up', () => {
  const most = LIMITS.patchSegmentsMax.value;
  const steps: DeltaStep[] = [];
  for (let at = 0; at < most + 10; at += 1) {
    const range = { offset: at * 10, lengthBytes: 10, firstChunk: at, chunkCount: 1 };
    steps.push({ kind: 'copy', ...range, seed: 0, seedOffset: 1_000_000 - at * 20 });
  }
  const segments = segmentsOfSteps({ offset: 0, lengthBytes: 10 * (most + 10) }, steps);
  assert.equal(segments.length, most);
  const all = segments.reduce((sum, { literalBytes, copyBytes }) => sum + literalBytes + copyBytes, 0);
  assert.equal(all, 10 * (most + 10));
});

test('disk images are compared by blocks that divide the chunks, other files by content', () => {
  const GIB = 1024 ** 3;
  assert.deepEqual(deltaChunking('a.img', GIB, 1024 * KIB), { kind: 'fixed', chunkBytes: 64 * KIB });
  assert.deepEqual(deltaChunking('a.img', GIB, 100_000), { kind: 'fixed', chunkBytes: 100_000 });
  assert.equal(deltaChunking('a.txt', GIB + 1, 1024 * KIB)?.kind, 'fastcdc');
  assert.equal(deltaChunking('a.img', LIMITS.deltaFileMinBytes.value - 1, 1024 * KIB), null);
  const large = deltaChunking('a.img', 2 ** 40, 4096 * KIB);
  assert.ok(large?.kind === 'fixed' && 2 ** 40 / large.chunkBytes <= LIMITS.deltaChunksMax.value);
});
