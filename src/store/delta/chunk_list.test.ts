import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { hashBytes, hashParts } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { ChunkList, ChunkListBuilder } from './chunk_list.ts';

function listOf(lengths: readonly number[]): ChunkList {
  const builder = new ChunkListBuilder();
  for (const [index, length] of lengths.entries())
    builder.add(hashBytes(Buffer.from(`${index}`)), length, index % 3 === 1);
  return builder.build();
}

test('keeps lengths, offsets, hashes and zeros in order', () => {
  const lengths = Array.from({ length: 100 }, (_, index) => 1000 + index);
  const list = listOf(lengths);
  assert.equal(list.count, 100);
  let offset = 0;
  for (const [index, length] of lengths.entries()) {
    assert.equal(list.length(index), length);
    assert.equal(list.offset(index), offset);
    assert.equal(list.isZero(index), index % 3 === 1);
    assert.ok(equalBytes(list.hash(index), hashBytes(Buffer.from(`${index}`))));
    assert.equal(list.indexAt(offset), index);
    assert.equal(list.indexAt(offset + 1), -1);
    offset += length;
  }
  assert.equal(list.sizeBytes, offset);
  assert.equal(list.indexAt(offset), -1);
});

test('an empty list is a list', () => {
  const empty = ChunkList.decode(new ChunkListBuilder().build().encode());
  assert.deepEqual([empty.count, empty.sizeBytes, empty.indexAt(0)], [0, 0, -1]);
});

test('the root is the hash of the hashes in order', () => {
  const list = listOf([5, 6, 7]);
  assert.ok(equalBytes(list.root(), hashParts([list.hash(0), list.hash(1), list.hash(2)])));
  assert.ok(!equalBytes(list.root(), listOf([5, 6]).root()));
});

test('is the same after encoding and decoding, also from the middle of a buffer', () => {
  const list = listOf([LIMITS.chunkMaxBytes.value, 1, 70_000, 4096]);
  const encoded = list.encode();
  assert.equal(encoded.byteLength, 4 + 4 * 36);
  const shifted = new Uint8Array(encoded.byteLength + 3);
  shifted.set(encoded, 3);
  for (const bytes of [encoded, shifted.subarray(3)]) {
    const decoded = ChunkList.decode(bytes);
    assert.deepEqual(decoded.encode(), encoded);
    assert.deepEqual(decoded.root(), list.root());
    assert.equal(decoded.sizeBytes, list.sizeBytes);
  }
});

test('damaged bytes are refused', () => {
  const good = listOf([10, 20]).encode();
  const withWord = (at: number, word: number): Uint8Array => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(at, word, true);
    return bytes;
  };
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(0), 'CW_WIRE_MALFORMED'],
    [good.subarray(0, -1), 'CW_WIRE_MALFORMED'],
    [Buffer.concat([good, Uint8Array.of(0)]), 'CW_WIRE_MALFORMED'],
    [withWord(0, 3), 'CW_WIRE_MALFORMED'],
    [withWord(4, 0), 'CW_WIRE_MALFORMED'],
    [withWord(4, 0x8000_0000), 'CW_WIRE_MALFORMED'],
    [withWord(4, LIMITS.chunkMaxBytes.value + 1), 'CW_WIRE_MALFORMED'],
    [withWord(0, 0xffff_ffff), 'CW_WIRE_TOO_LARGE'],
  ];
  for (const [bytes, code] of cases)
    assert.throws(
      () => ChunkList.decode(bytes),
      (thrown) => thrown instanceof CausewayError && thrown.code === code,
    );
});

test('no list grows beyond its limit', () => {
  const builder = new ChunkListBuilder();
  const hash = hashBytes(new Uint8Array(0));
  for (let i = 0; i < LIMITS.deltaChunksMax.value; i += 1) builder.add(hash, 1, false);
  assert.throws(() => builder.add(hash, 1, false), { code: 'CW_LIMIT' });
  assert.equal(builder.build().count, LIMITS.deltaChunksMax.value);
  assert.throws(() => new ChunkListBuilder().add(hash, 0, false));
  assert.throws(() => new ChunkListBuilder().add(hash.subarray(1), 1, false));
});
