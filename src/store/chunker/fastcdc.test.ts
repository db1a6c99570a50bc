import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import {
  between,
  cutsInPieces,
  cutsOf,
  lengthsOf,
  randomBytes,
  wordyBytes,
} from '../../../test/store/streams.ts';
import { toHex } from '../../base/bytes.ts';
import { hashBytes } from '../../base/hash.ts';
import { FASTCDC_DEFAULT, type FastCdcChunking } from './chunking.ts';
import { FastCdcChunker } from './fastcdc.ts';
import { GEAR, PlainGearScanner } from './gear.ts';

const SMALL: FastCdcChunking = {
  ...FASTCDC_DEFAULT,
  minBytes: 1024,
  averageBytes: 4096,
  maxBytes: 16_384,
};
const { seed, random } = seededChance();
const SEED = `SEED=${seed}`;

const plain = (chunking: FastCdcChunking) => new FastCdcChunker(chunking, 0, new PlainGearScanner(0));

/** The definition, byte by byte, without any shared code. */
function reference(bytes: Uint8Array, chunking: FastCdcChunking): number[] {
  const bits = Math.log2(chunking.averageBytes);
  const ends: number[] = [];
  let start = 0;
  let hash = 0n;
  for (let at = 0; at < bytes.byteLength; at += 1) {
    const length = at + 1 - start;
    if (length > chunking.minBytes) {
      hash = ((hash << 1n) + BigInt(GEAR[bytes[at]!]!)) & 0xffff_ffffn;
      const zeros = bits + (length <= chunking.averageBytes ? 1 : -1) * chunking.normalization;
      const high = (hash & 0x7fff_ffffn) >> BigInt(31 - zeros);
      if (high !== 0n && length < chunking.maxBytes) continue;
      ends.push(at + 1);
      start = at + 1;
      hash = 0n;
    }
  }
  return start < bytes.byteLength ? [...ends, bytes.byteLength] : ends;
}

test('cuts where the definition does, in machine code and in plain code', (t) => {
  t.diagnostic(SEED);
  for (const [make, length] of [
    [randomBytes, 400_000],
    [wordyBytes, 200_001],
    [() => new Uint8Array(70_000), 70_000],
  ] as const) {
    const bytes = make(random, length);
    const expected = reference(bytes, SMALL);
    assert.ok(expected.length > 3);
    assert.deepEqual(cutsOf(new FastCdcChunker(SMALL, 0), bytes), expected, SEED);
    assert.deepEqual(cutsOf(plain(SMALL), bytes), expected, SEED);
  }
});

test('machine code and plain code agree on every set of parameters', (t) => {
  t.diagnostic(SEED);
  const bytes = randomBytes(random, 1_500_000);
  for (const normalization of [0, 1, 2, 3]) {
    for (const averageBytes of [2048, 8192, 65_536]) {
      const minBytes = between(random, 1024, averageBytes - 1);
      const maxBytes = between(random, averageBytes + 1, averageBytes * 4);
      const chunking = { ...FASTCDC_DEFAULT, minBytes, averageBytes, maxBytes, normalization };
      const cuts = cutsOf(new FastCdcChunker(chunking, 0), bytes);
      assert.deepEqual(cuts, cutsOf(plain(chunking), bytes), `${SEED} ${JSON.stringify(chunking)}`);
    }
  }
});

test('cuts the same however the stream is divided, in own memory and in the window', (t) => {
  t.diagnostic(SEED);
  const bytes = randomBytes(random, 2_000_000);
  const expected = cutsOf(plain(FASTCDC_DEFAULT), bytes);
  const chunker = new FastCdcChunker(FASTCDC_DEFAULT, 100_000);
  for (let round = 0; round < 6; round += 1) {
    assert.deepEqual(cutsInPieces(chunker, bytes, random), expected, SEED);
    assert.deepEqual(cutsInPieces(plain(FASTCDC_DEFAULT), bytes, random), expected, SEED);
  }
  const ends: number[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const length = Math.min(between(random, 1, 100_000), bytes.byteLength - at);
    const from = between(random, 0, 100_000 - length);
    chunker.window.set(bytes.subarray(at, at + length), from);
    ends.push(...chunker.push(chunker.window.subarray(from, from + length)));
    at += length;
  }
  const last = chunker.finish();
  assert.deepEqual(last === null ? ends : [...ends, last], expected, SEED);
});

test('keeps to the smallest and the largest size', (t) => {
  t.diagnostic(SEED);
  const chunker = new FastCdcChunker(FASTCDC_DEFAULT, 0);
  for (const bytes of [randomBytes(random, 9_000_000), wordyBytes(random, 2_000_000)]) {
    const lengths = lengthsOf(cutsOf(chunker, bytes));
    const last = lengths.pop()!;
    assert.ok(
      lengths.every((length) => length > 16_384 && length <= 262_144),
      SEED,
    );
    assert.ok(last > 0 && last <= 262_144, SEED);
  }
  const zeros = lengthsOf(cutsOf(chunker, new Uint8Array(1_000_000)));
  assert.deepEqual(zeros, [262_144, 262_144, 262_144, 213_568]);
});

test('random data and text give chunks of about the average size', (t) => {
  t.diagnostic(SEED);
  const chunker = new FastCdcChunker(FASTCDC_DEFAULT, 0);
  for (const bytes of [randomBytes(random, 24_000_000), wordyBytes(random, 12_000_000)]) {
    const mean = bytes.byteLength / cutsOf(chunker, bytes).length;
    assert.ok(mean > 50_000 && mean < 100_000, `${SEED}: mean ${mean}`);
  }
});

test('an inserted, removed or changed byte alters a few chunks and no more', (t) => {
  t.diagnostic(SEED);
  const chunker = new FastCdcChunker(FASTCDC_DEFAULT, 0);
  const bytes = randomBytes(random, 8_000_000);
  const hashes = (of: Uint8Array): string[] => {
    let start = 0;
    return cutsOf(chunker, of).map((end) => {
      const hash = toHex(hashBytes(of.subarray(start, end)));
      start = end;
      return hash;
    });
  };
  const before = new Set(hashes(bytes));
  assert.ok(before.size > 80);
  for (let round = 0; round < 8; round += 1) {
    const at = round === 0 ? 0 : between(random, 0, bytes.byteLength - 1);
    const head = bytes.subarray(0, at);
    const edits = {
      inserted: Buffer.concat([head, Uint8Array.of(7), bytes.subarray(at)]),
      removed: Buffer.concat([head, bytes.subarray(at + 1)]),
      changed: Buffer.concat([head, Uint8Array.of(bytes[at]! ^ 0x55), bytes.subarray(at + 1)]),
    };
    for (const [what, edited] of Object.entries(edits)) {
      const fresh = hashes(edited).filter((hash) => !before.has(hash)).length;
      assert.ok(fresh >= 1 && fresh <= 8, `${SEED}: ${what} at ${at} gives ${fresh} new chunks`);
    }
  }
});

test('cuts never change between versions: stored chunk lists depend on them', () => {
  let state = 1;
  const bytes = Uint8Array.from({ length: 3_000_000 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
  assert.equal(
    toHex(hashBytes(new Uint8Array(GEAR.buffer))),
    'dfc786a86873ef709cc20b01ee20ee9dd89c7c1e795c65e26c90aa916e164d1d',
  );
  const cuts = cutsOf(new FastCdcChunker(FASTCDC_DEFAULT, 0), bytes);
  assert.deepEqual(cuts.slice(0, 6), [72_924, 148_419, 219_494, 304_513, 371_704, 439_460]);
});

test('begins every stream afresh', (t) => {
  t.diagnostic(SEED);
  const chunker = new FastCdcChunker(SMALL, 0);
  const bytes = randomBytes(random, 100_000);
  const expected = cutsOf(chunker, bytes);
  assert.deepEqual(cutsOf(chunker, bytes), expected);
  chunker.push(bytes.subarray(0, 777));
  chunker.finish();
  assert.deepEqual(cutsOf(chunker, bytes), expected);
  assert.deepEqual(cutsOf(chunker, new Uint8Array(0)), []);
});

test('sizes that no chunker takes are a bug of the caller', () => {
  assert.throws(() => new FastCdcChunker({ ...SMALL, averageBytes: 4000 }, 0), /way of cutting/);
});
