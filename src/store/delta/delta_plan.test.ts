import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { between, cutsOf, randomBytes } from '../../../test/store/streams.ts';
import { hashBytes } from '../../base/hash.ts';
import { isAllZero } from '../../base/zeros.ts';
import { createChunker } from '../chunker/chunker.ts';
import type { Chunking } from '../chunker/chunking.ts';
import { type ChunkList, ChunkListBuilder } from './chunk_list.ts';
import { DeltaPlanner, type DeltaStep, planDelta } from './delta_plan.ts';
import type { DeltaSeed } from './seed_index.ts';

const FIXED: Chunking = { kind: 'fixed', chunkBytes: 4096 };
const CDC: Chunking = {
  kind: 'fastcdc',
  minBytes: 1024,
  averageBytes: 4096,
  maxBytes: 16_384,
  normalization: 2,
};
const { seed, random } = seededChance();
const SEED = `SEED=${seed}`;

function listOf(bytes: Uint8Array, chunking: Chunking): ChunkList {
  const builder = new ChunkListBuilder();
  let start = 0;
  for (const end of cutsOf(createChunker(chunking), bytes)) {
    const chunk = bytes.subarray(start, end);
    builder.add(hashBytes(chunk), chunk.byteLength, isAllZero(chunk));
    start = end;
  }
  return builder.build();
}

const seedOf = (bytes: Uint8Array, chunking: Chunking): DeltaSeed => ({
  chunks: listOf(bytes, chunking),
  sizeBytes: bytes.byteLength,
});

/** What a destination would build from the plan. Checks on the way that the plan is one. */
function rebuilt(steps: readonly DeltaStep[], olds: readonly Uint8Array[], version: Uint8Array): Uint8Array {
  const out = new Uint8Array(version.byteLength);
  let offset = 0;
  let chunk = 0;
  for (const step of steps) {
    assert.equal(step.offset, offset);
    assert.equal(step.firstChunk, chunk);
    assert.ok(step.lengthBytes > 0 && step.chunkCount > 0);
    const end = offset + step.lengthBytes;
    if (step.kind === 'send') out.set(version.subarray(offset, end), offset);
    if (step.kind === 'copy') {
      const old = olds[step.seed]!;
      assert.ok(step.seedOffset >= 0 && step.seedOffset + step.lengthBytes <= old.byteLength);
      out.set(old.subarray(step.seedOffset, step.seedOffset + step.lengthBytes), offset);
    }
    offset = end;
    chunk += step.chunkCount;
  }
  assert.equal(offset, version.byteLength);
  return out;
}

const sum = (steps: readonly DeltaStep[], kind: DeltaStep['kind']): number =>
  steps.reduce((total, step) => total + (step.kind === kind ? step.lengthBytes : 0), 0);

type Edit = (bytes: Uint8Array) => Uint8Array;
const splice = (bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]));
const place = (bytes: Uint8Array): number => between(random, 0, bytes.byteLength);

const EDITS: readonly Edit[] = [
  (bytes) => splice(bytes, place(bytes), 0, randomBytes(random, between(random, 1, 20_000))),
  (bytes) => splice(bytes, place(bytes), between(random, 1, 50_000), new Uint8Array(0)),
  (bytes) => splice(bytes, place(bytes), 1, Uint8Array.of(between(random, 0, 255))),
  (bytes) => splice(bytes, bytes.byteLength, 0, randomBytes(random, between(random, 1, 30_000))),
  (bytes) => bytes.slice(0, place(bytes)),
  (bytes) => splice(bytes, place(bytes), 0, new Uint8Array(between(random, 1, 40_000))),
  (bytes) => {
    const from = place(bytes);
    const block = bytes.slice(from, from + between(random, 1, 60_000));
    return splice(
      splice(bytes, from, block.byteLength, new Uint8Array(0)),
      4096 * between(random, 0, 40),
      0,
      block,
    );
  },
  (bytes) => splice(bytes, place(bytes), 0, bytes.slice(0, place(bytes))),
];

test('whatever was edited, the plan rebuilds the new version from the old', (t) => {
  t.diagnostic(SEED);
  for (let round = 0; round < 120; round += 1) {
    const chunking = round % 2 === 0 ? FIXED : CDC;
    const old = randomBytes(random, between(random, 0, 300_000));
    old.fill(0, place(old), place(old));
    let version: Uint8Array = old;
    for (let edits = between(random, 0, 4); edits > 0; edits -= 1)
      version = EDITS[between(random, 0, EDITS.length - 1)]!(version);
    const steps = planDelta([seedOf(old, chunking)], listOf(version, chunking));
    assert.equal(Buffer.compare(rebuilt(steps, [old], version), version), 0, SEED);
  }
});

test('a shifted file is copied but for the chunks around the edit', (t) => {
  t.diagnostic(SEED);
  const old = randomBytes(random, 2_000_000);
  const version = splice(old, 0, 0, Uint8Array.of(1));
  const steps = planDelta([seedOf(old, CDC)], listOf(version, CDC));
  assert.ok(sum(steps, 'send') <= 6 * 16_384, SEED);
  assert.equal(steps.length, 2, 'one piece to send and the rest in one copy');
  assert.equal(steps[1]?.kind, 'copy');
});

test('changed blocks alone are sent, and ranges between them are copied in one step each', (t) => {
  t.diagnostic(SEED);
  const old = randomBytes(random, 1_000 * 4096);
  const version = old.slice();
  const changed = [...new Set(Array.from({ length: 10 }, () => between(random, 1, 998)))].sort(
    (a, b) => a - b,
  );
  for (const block of changed) version[block * 4096 + between(random, 0, 4095)]! ^= 0xff;
  const steps = planDelta([seedOf(old, FIXED)], listOf(version, FIXED));
  assert.equal(sum(steps, 'send'), changed.length * 4096, SEED);
  const groups = changed.filter((block, index) => block !== changed[index - 1]! + 1).length;
  assert.equal(steps.length, 2 * groups + 1, SEED);
  for (const step of steps) if (step.kind === 'copy') assert.equal(step.seedOffset, step.offset);
});

test('zeros are holes, also where the old version has them', () => {
  const old = randomBytes(random, 10 * 4096).fill(0, 4096, 3 * 4096);
  const version = old.slice().fill(0, 6 * 4096, 8 * 4096);
  const planner = new DeltaPlanner([seedOf(old, FIXED)]);
  const list = listOf(version, FIXED);
  const kinds: string[] = [];
  for (let i = 0; i < list.count; i += 1) {
    const chunk = { hash: list.hash(i), lengthBytes: list.length(i), zero: list.isZero(i) };
    kinds.push(planner.push(chunk)?.kind ?? '');
  }
  kinds.push(planner.finish()?.kind ?? '');
  assert.deepEqual(
    kinds.filter((kind) => kind !== ''),
    ['copy', 'hole', 'copy', 'hole', 'copy'],
  );
  assert.deepEqual(planner.totals, { copyBytes: 6 * 4096, sendBytes: 0, holeBytes: 4 * 4096 });
});

test('moved and repeated blocks are found wherever they were', () => {
  const [a, b, c] = [1, 2, 3].map((value) => new Uint8Array(4096).fill(value)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const old = Buffer.concat([a, b, c, a]);
  const version = Buffer.concat([c, a, a, b, b]);
  const steps = planDelta([seedOf(old, FIXED)], listOf(version, FIXED));
  const copies = steps.map((step) =>
    step.kind === 'copy' ? [step.offset, step.seedOffset, step.lengthBytes] : [],
  );
  // c a is one range of the old version, so is a b, and the last b stands alone
  assert.deepEqual(copies, [
    [0, 2 * 4096, 2 * 4096],
    [2 * 4096, 0, 2 * 4096],
    [4 * 4096, 4096, 4096],
  ]);
});

test('the place that a chunk had is preferred to others with the same content', () => {
  const one = new Uint8Array(4096).fill(1);
  const old = Buffer.concat([one, one, one, one]);
  const version = Buffer.concat([randomBytes(random, 2 * 4096), one, one]);
  const steps = planDelta([seedOf(old, FIXED)], listOf(version, FIXED));
  assert.deepEqual(
    steps.map((step) => (step.kind === 'copy' ? step.seedOffset : step.kind)),
    ['send', 2 * 4096],
  );
});

test('several seeds serve, the first before the others', () => {
  const first = randomBytes(random, 3 * 4096);
  const second = randomBytes(random, 3 * 4096);
  const version = new Uint8Array(Buffer.concat([second.subarray(4096), first]));
  const both = [first, new Uint8Array(Buffer.concat([first.subarray(0, 4096), second]))];
  const steps = planDelta(
    both.map((bytes) => seedOf(bytes, FIXED)),
    listOf(version, FIXED),
  );
  assert.deepEqual(
    steps.map((step) => (step.kind === 'copy' ? step.seed : null)),
    [1, 0],
  );
  assert.equal(Buffer.compare(rebuilt(steps, both, version), version), 0);
});

test('ranges of two seeds are two steps, even where one begins at the offset at which the other ended', () => {
  const olds = [randomBytes(random, 2 * 4096), randomBytes(random, 2 * 4096)] as const;
  const version = new Uint8Array(Buffer.concat([olds[0].subarray(0, 4096), olds[1].subarray(4096)]));
  const steps = planDelta(
    olds.map((bytes) => seedOf(bytes, FIXED)),
    listOf(version, FIXED),
  );
  assert.equal(Buffer.compare(rebuilt(steps, olds, version), version), 0);
  assert.equal(steps.length, 2);
});

test('a seed that became shorter than its list is never read beyond its end', () => {
  const old = randomBytes(random, 10 * 4096);
  const chunks = listOf(old, FIXED);
  for (const sizeBytes of [0, 4095, 4096, 5 * 4096 + 1, 10 * 4096 - 1]) {
    const steps = planDelta([{ chunks, sizeBytes }], chunks);
    assert.equal(sum(steps, 'copy'), Math.floor(sizeBytes / 4096) * 4096);
    rebuilt(steps, [old.subarray(0, sizeBytes)], old);
  }
});

test('hashes made to share a bucket cost a bounded search', () => {
  const builder = new ChunkListBuilder();
  const hashes = Array.from({ length: 2000 }, (_, index) => {
    const hash = hashBytes(Buffer.from(`${index}`)).slice();
    hash.fill(0, 0, 4);
    return hash;
  });
  for (const hash of hashes) builder.add(hash, 4096, false);
  const chunks = builder.build();
  const steps = planDelta([{ chunks, sizeBytes: chunks.sizeBytes }], chunks);
  assert.deepEqual(
    steps.map((step) => step.kind),
    ['copy'],
    'what follows the chunk before needs no search',
  );
  const backwards = new ChunkListBuilder();
  for (const hash of hashes.toReversed()) backwards.add(hash, 4096, false);
  const found = planDelta([{ chunks, sizeBytes: chunks.sizeBytes }], backwards.build());
  assert.ok(sum(found, 'send') > 0, 'not all are found');
});

test('an empty version has no steps, and an empty seed gives nothing', () => {
  const bytes = randomBytes(random, 5000);
  assert.deepEqual(planDelta([seedOf(bytes, FIXED)], listOf(new Uint8Array(0), FIXED)), []);
  assert.deepEqual(
    planDelta([], listOf(bytes, FIXED)).map((step) => step.kind),
    ['send'],
  );
  assert.deepEqual(
    planDelta([seedOf(new Uint8Array(0), CDC)], listOf(bytes, CDC)).map((step) => step.kind),
    ['send'],
  );
});
