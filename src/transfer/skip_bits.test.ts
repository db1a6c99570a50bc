import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { bitsMessages, numbersIn } from './skip_bits.ts';

const WIDTH = 8 * LIMITS.skipBitsMaxBytes.value;

for (const { name, indexes, messages } of [
  { name: 'nothing', indexes: [], messages: 0 },
  { name: 'one far out', indexes: [4_000_000_000], messages: 1 },
  { name: 'some beside each other', indexes: [3, 4, 5, 9, 11, 200], messages: 1 },
  { name: 'the widest message', indexes: [7, 7 + WIDTH - 1], messages: 1 },
  { name: 'one more than that', indexes: [7, 7 + WIDTH], messages: 2 },
  { name: 'a million', indexes: Array.from({ length: 1_000_000 }, (_, at) => at), messages: 16 },
]) {
  test(`what is in place is told as it is: ${name}`, () => {
    const told = [...bitsMessages('skip', indexes)];
    assert.equal(told.length, messages);
    assert.deepEqual(
      told.flatMap((message) => [...numbersIn(message)]),
      indexes,
    );
    for (const { bits } of told) assert.ok(bits.byteLength <= LIMITS.skipBitsMaxBytes.value);
  });
}
