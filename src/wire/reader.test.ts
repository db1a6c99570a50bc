import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../base/bytes.ts';
import { ByteReader } from './reader.ts';

test('reads little endian, in order, also from the middle of a buffer', () => {
  const bytes = fromHex('ff' + '01' + '0203' + '04050607' + '08090a0b0c0d0e0f' + 'aabb' + 'cc').subarray(1);
  const reader = new ByteReader(bytes, 'a test');
  assert.equal(reader.u8(), 1);
  assert.equal(reader.u16(), 0x0302);
  assert.equal(reader.u32(), 0x07060504);
  assert.equal(reader.u64(), 0x0f0e0d0c0b0a0908n);
  const view = reader.view(1);
  const copy = reader.copy(1);
  bytes.fill(0);
  assert.deepEqual([...view, ...copy], [0, 0xbb]);
  assert.equal(reader.remainingBytes, 1);
  assert.throws(() => reader.expectEnd(), {
    code: 'CW_WIRE_MALFORMED',
    message: /a test has 1 bytes too many/,
  });
  reader.u8();
  reader.expectEnd();
});

test('missing bytes are named and nothing is consumed', () => {
  const reader = new ByteReader(new Uint8Array(3), 'a test');
  for (const read of [
    () => reader.u32(),
    () => reader.u64(),
    () => reader.view(4),
    () => reader.copy(2 ** 40),
  ]) {
    assert.throws(read, { code: 'CW_WIRE_TRUNCATED', message: /a test ends after 3 bytes/ });
  }
  assert.equal(reader.u16(), 0);
});
