import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CborMap } from './cbor.ts';
import {
  boolean,
  bytes,
  float,
  i64,
  list,
  map,
  mapList,
  mapOf,
  nullable,
  oneOf,
  optional,
  text,
  u32,
  u64,
  uint,
} from './fields.ts';

const MAP: CborMap = {
  name: 'éa',
  size: 7,
  big: 2n ** 63n,
  old: -5,
  far: -(2n ** 63n),
  rate: 0.5,
  nan: Number.NaN,
  flag: false,
  hash: new Uint8Array(32),
  list: ['a', 'b'],
  maps: [{ size: 1 }, { size: 2 }],
  none: null,
  inner: { size: 3 },
};

function refuses(read: () => unknown, message: RegExp): void {
  assert.throws(read, { name: 'CausewayError', code: 'CW_WIRE_MALFORMED', message });
}

test('text and words', () => {
  assert.equal(text(MAP, 'name'), 'éa');
  assert.equal(text(MAP, 'name', 3), 'éa');
  refuses(() => text(MAP, 'name', 2), /name is longer than 2 bytes/);
  refuses(() => text(MAP, 'size'), /size is not text/);
  refuses(() => text(MAP, 'absent'), /absent is missing/);
  assert.equal(oneOf(MAP, 'name', ['x', 'éa']), 'éa');
  refuses(() => oneOf(MAP, 'name', ['x', 'y']), /name is not one of x, y/);
});

test('whole numbers', () => {
  assert.equal(uint(MAP, 'size'), 7);
  assert.equal(uint(MAP, 'size', 7), 7);
  refuses(() => uint(MAP, 'size', 6), /size is not a whole number from 0 to 6/);
  refuses(() => uint(MAP, 'old'), /old/);
  refuses(() => uint(MAP, 'rate'), /rate/);
  refuses(() => uint(MAP, 'big'), /big/);
  assert.equal(u32(MAP, 'size'), 7);
  refuses(() => u32({ size: 2 ** 32 }, 'size'), /size/);
  assert.equal(u64(MAP, 'size'), 7n);
  assert.equal(u64(MAP, 'big'), 2n ** 63n);
  refuses(() => u64(MAP, 'old'), /old/);
  assert.equal(i64(MAP, 'old'), -5n);
  assert.equal(i64(MAP, 'far'), -(2n ** 63n));
  refuses(() => i64(MAP, 'big'), /big/);
  refuses(() => i64(MAP, 'rate'), /rate/);
  refuses(() => i64(MAP, 'absent'), /absent is missing/);
});

test('floats, flags and bytes', () => {
  assert.equal(float(MAP, 'rate'), 0.5);
  assert.equal(float(MAP, 'size'), 7);
  refuses(() => float(MAP, 'nan'), /nan/);
  assert.equal(boolean(MAP, 'flag'), false);
  refuses(() => boolean(MAP, 'size'), /size/);
  assert.equal(bytes(MAP, 'hash', 32).byteLength, 32);
  refuses(() => bytes(MAP, 'hash', 16), /hash has 32 bytes instead of 16/);
  refuses(() => bytes(MAP, 'list'), /list is not bytes/);
});

test('lists and maps', () => {
  assert.deepEqual(
    list(MAP, 'list', 2, (item) => item),
    ['a', 'b'],
  );
  refuses(() => list(MAP, 'list', 1, (item) => item), /list has more than 1 items/);
  refuses(() => list(MAP, 'inner', 1, (item) => item), /inner is not a list/);
  assert.deepEqual(
    mapList(MAP, 'maps', 2, (item) => uint(item, 'size')),
    [1, 2],
  );
  refuses(() => mapList(MAP, 'list', 2, (item) => item), /item 0 of list is no map/);
  assert.equal(uint(map(MAP, 'inner'), 'size'), 3);
  for (const wrong of [null, [], 1, 'a', new Uint8Array(1), undefined]) {
    refuses(() => mapOf(wrong, 'the message'), /the message is no map/);
  }
});

test('optional and nullable members', () => {
  assert.equal(optional(MAP, 'absent', text), undefined);
  assert.equal(optional(MAP, 'size', uint), 7);
  refuses(() => optional(MAP, 'none', text), /none is not text/);
  assert.equal(nullable(MAP, 'none', text), null);
  refuses(() => nullable(MAP, 'absent', text), /absent is missing/);
});
