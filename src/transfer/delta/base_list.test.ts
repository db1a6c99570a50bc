import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Chunking, FASTCDC_DEFAULT } from '../../store/chunker/chunking.ts';
import { BaseList, encodePieces } from './base_list.ts';
import { SHORT_HASH_BYTES } from './short_hash.ts';

const BLOCKS: Chunking = { kind: 'fixed', chunkBytes: 65_536 };
const pieces = (count: number, lengthBytes: number) => ({
  lengths: new Uint32Array(count).fill(lengthBytes),
  hashes: Uint8Array.from({ length: count * SHORT_HASH_BYTES }, (_, at) => at % 251),
});

test('pieces arrive as they were sent, over several messages', () => {
  const list = new BaseList(FASTCDC_DEFAULT);
  list.add(encodePieces(pieces(3, 70_000), FASTCDC_DEFAULT));
  list.add(encodePieces(pieces(2, 20_000), FASTCDC_DEFAULT));
  const built = list.build();
  assert.deepEqual([built.count, built.sizeBytes, built.offset(4)], [5, 250_000, 230_000]);
  assert.equal(toHex(built.hash(3)), toHex(pieces(1, 1).hashes));
});

test('blocks travel without lengths', () => {
  const travelling = encodePieces(pieces(4, 65_536), BLOCKS);
  assert.equal(travelling.lengths.byteLength, 0);
  const list = new BaseList(BLOCKS);
  list.add(travelling);
  assert.equal(list.hashes.byteLength, 4 * SHORT_HASH_BYTES);
});

test('what no honest sink sends is refused', () => {
  const list = new BaseList(FASTCDC_DEFAULT);
  const good = encodePieces(pieces(2, 70_000), FASTCDC_DEFAULT);
  const malformed = { code: 'CW_WIRE_MALFORMED' };
  assert.throws(() => list.add({ ...good, lengths: good.lengths.subarray(1) }), malformed);
  assert.throws(() => list.add({ ...good, hashes: good.hashes.subarray(1) }), malformed);
  assert.throws(() => list.add(encodePieces(pieces(1, 0), FASTCDC_DEFAULT)), malformed);
  assert.throws(
    () => list.add(encodePieces(pieces(1, FASTCDC_DEFAULT.maxBytes + 1), FASTCDC_DEFAULT)),
    malformed,
  );
  const page = new Uint8Array(LIMITS.basePagePieces.value * SHORT_HASH_BYTES);
  const blocks = new BaseList(BLOCKS);
  assert.throws(
    () => {
      for (let at = 0; at <= LIMITS.deltaChunksMax.value; at += LIMITS.basePagePieces.value)
        blocks.add({ lengths: new Uint8Array(0), hashes: page });
    },
    { code: 'CW_WIRE_TOO_LARGE' },
  );
});
