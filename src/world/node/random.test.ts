import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNodeRandom } from './random.ts';

test('random numbers cover 32 bits and do not repeat across blocks', () => {
  const random = createNodeRandom();
  const numbers = Array.from({ length: 5000 }, () => random.u32());
  assert.ok(numbers.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32));
  assert.ok(new Set(numbers).size > 4990);
  assert.ok(numbers.some((value) => value >= 2 ** 31));
});

test('a fork and its parent give different bytes of the length asked for', () => {
  const random = createNodeRandom();
  const fork = random.fork('ids');
  assert.equal(random.bytes(0).byteLength, 0);
  assert.equal(random.bytes(33).byteLength, 33);
  assert.notDeepEqual(random.bytes(16), fork.bytes(16));
});
