import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../src/base/errors.ts';
import { fuzz, type Target, WIRE_CODES } from './harness.ts';
import { SeededRandom } from './random_bytes.ts';

const planted = (decode: (bytes: Uint8Array) => void): Target => ({
  name: 'planted',
  corpus: [new Uint8Array(64)],
  decode,
  codes: WIRE_CODES,
});

function spin(): void {
  const start = process.cpuUsage();
  for (
    let used = { user: 0, system: 0 };
    used.user + used.system < 1_100_000;
    used = process.cpuUsage(start)
  ) {
    for (let i = 0; i < 1_000_000; i += 1) Math.imul(i, i);
  }
}

test('finds a decoder that fails in another way', () => {
  const decode = (bytes: Uint8Array) => {
    if (bytes[3] === 0xff) throw new RangeError('planted');
  };
  assert.throws(
    () => fuzz(planted(decode), 5000, 1),
    /throws RangeError: planted; SEED=\d+, input [0-9a-f]+/,
  );
});

test('finds a decoder that refuses with a foreign code', () => {
  const decode = () => {
    throw new CausewayError('CW_INTERNAL', 'planted');
  };
  assert.throws(() => fuzz(planted(decode), 10, 1), /throws CausewayError: planted; SEED=/);
});

test('finds a decoder that believes a length', () => {
  let kept: unknown;
  for (const allocate of [() => new Uint8Array(16 << 20), () => new Array(1 << 21).fill(0)]) {
    const decode = (bytes: Uint8Array) => {
      if (bytes[3] === 0xff) kept = allocate();
    };
    assert.throws(() => fuzz(planted(decode), 5000, 1), /allocates \d+ bytes for an input of \d+/);
  }
  assert.ok(kept);
});

test('finds a decoder that hangs', () => {
  assert.throws(() => fuzz(planted(spin), 1, 1), /takes \d+ µs/);
});

test('the same seed gives the same inputs', () => {
  const inputsOf = (seed: number) => {
    const seen: string[] = [];
    fuzz(
      planted((bytes) => seen.push(Buffer.from(bytes).toString('base64'))),
      200,
      seed,
    );
    return seen;
  };
  assert.deepEqual(inputsOf(7), inputsOf(7));
  assert.notDeepEqual(inputsOf(7), inputsOf(8));
  const random = new SeededRandom(3);
  const counts = new Array(4).fill(0);
  for (let i = 0; i < 4000; i += 1) counts[random.below(4)] += 1;
  for (const count of counts) assert.ok(count > 800, `${counts}`);
});
