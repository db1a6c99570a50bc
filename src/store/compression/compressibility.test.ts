import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { randomBytes, wordyBytes } from '../../../test/store/streams.ts';
import { LIMITS } from '../../base/limits.ts';
import { Compressibility, estimateRatio, isWorthCompressing, worthwhileBytes } from './compressibility.ts';

const MIB = 1024 * 1024;
const { seed, random } = seededChance();
const SEED = `SEED=${seed}`;
const compressed = (bytes: Uint8Array, level: number): number =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } }).byteLength;
const zstd1 = (bytes: Uint8Array): number => compressed(bytes, 1);

test('tells text from random bytes, zeros and what is compressed already', (t) => {
  t.diagnostic(SEED);
  const text = wordyBytes(random, MIB);
  assert.ok(estimateRatio(text, zstd1) > 2, SEED);
  assert.ok(estimateRatio(new Uint8Array(MIB), zstd1) > 50);
  assert.ok(estimateRatio(randomBytes(random, MIB), zstd1) < 1.01, SEED);
  const packed = zstdCompressSync(wordyBytes(random, 4 * MIB), {
    params: { [constants.ZSTD_c_compressionLevel]: 9 },
  });
  assert.ok(estimateRatio(packed, zstd1) < 1.1, SEED);
  assert.equal(estimateRatio(new Uint8Array(0), zstd1), 1);
});

test('a sample predicts what compressing the whole chunk gives', (t) => {
  t.diagnostic(SEED);
  for (let share = 0; share <= 8; share += 1) {
    // text and random bytes in turns, so that every part is alike
    const parts = Array.from({ length: 1024 }, (_, i) =>
      i % 8 < share ? randomBytes(random, 1024) : wordyBytes(random, 1024),
    );
    const chunk = new Uint8Array(Buffer.concat(parts));
    const estimate = estimateRatio(chunk, zstd1);
    const real = chunk.byteLength / compressed(chunk, 1);
    assert.ok(
      estimate > 0.6 * real && estimate < 1.5 * real,
      `${SEED}: ${share}/8 random: ${estimate}, really ${real}`,
    );
  }
});

test('reads a few KiB of a chunk and no more', () => {
  const lengths: number[] = [];
  const record = (bytes: Uint8Array): number => {
    lengths.push(bytes.byteLength);
    return bytes.byteLength;
  };
  for (const length of [1, 4096, 12_288, 12_289, MIB, 4 * MIB]) estimateRatio(new Uint8Array(length), record);
  assert.deepEqual(lengths, [1, 4096, 12_288, 12_288, 12_288, 12_288]);
});

test('a file that does not get smaller is looked at ever more rarely, and again when it does', (t) => {
  t.diagnostic(SEED);
  const file = new Compressibility();
  const noise = randomBytes(random, 65_536);
  const text = wordyBytes(random, 65_536);
  const choose = (bytes: Uint8Array): boolean | null => {
    if (!file.next()) return null;
    const ratio = estimateRatio(bytes, zstd1);
    file.noted(ratio);
    return isWorthCompressing(ratio);
  };
  const sampled: number[] = [];
  for (let chunk = 0; chunk < 200; chunk += 1) {
    const choice = choose(noise);
    assert.notEqual(choice, true);
    if (choice !== null) sampled.push(chunk);
  }
  assert.deepEqual(sampled.slice(0, 6), [0, 2, 5, 10, 19, 36]);
  assert.ok(sampled.length <= 6 + 200 / (LIMITS.compressSkipChunksMax.value + 1));
  let skipped = 0;
  while (choose(text) !== true) skipped += 1;
  assert.ok(skipped <= LIMITS.compressSkipChunksMax.value);
  assert.equal(choose(text), true);
  assert.equal(choose(noise), false, 'the first bad chunk after good ones skips one only');
  assert.equal(choose(noise), null);
  assert.equal(choose(noise), false);
});

test('what a frame may take is what the samples are judged by', () => {
  assert.equal(worthwhileBytes(MIB), MIB * (7 / 8));
  assert.ok(isWorthCompressing(MIB / worthwhileBytes(MIB)));
  assert.ok(!isWorthCompressing(MIB / (worthwhileBytes(MIB) + 1)));
});
