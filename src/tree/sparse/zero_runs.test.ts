import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { LIMITS } from '../../base/limits.ts';
import { ZeroRuns } from './zero_runs.ts';

const { seed, random } = seededChance();
const SEED = `SEED=${seed}`;
const between = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1));

/** Block by block, straight from the definition. */
function reference(bytes: Uint8Array, minBytes: number): number[][] {
  const holes: number[][] = [];
  let start = -1;
  for (let at = 0; at <= bytes.byteLength; at += 4096) {
    const block = bytes.subarray(at, at + 4096);
    const zero = at < bytes.byteLength && block.every((byte) => byte === 0);
    if (zero && start < 0) start = at;
    if (!zero && start >= 0) holes.push([start, Math.min(at, bytes.byteLength) - start]);
    if (!zero) start = -1;
  }
  if (start >= 0) holes.push([start, bytes.byteLength - start]);
  return holes.filter(([, length]) => length! >= minBytes);
}

function patchy(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += between(1, 60_000)) bytes.fill(1, at, at + between(1, 9_000));
  return bytes;
}

const holesOf = (runs: ZeroRuns): number[][] =>
  [...runs.finish()].map(({ offset, lengthBytes }) => [offset, lengthBytes]);

test('finds the runs of zero blocks, whatever the pieces', (t) => {
  t.diagnostic(SEED);
  for (let round = 0; round < 150; round += 1) {
    const bytes = patchy(between(0, 400_000));
    const minBytes = [1, 4096, LIMITS.holeMinBytes.value][round % 3]!;
    const runs = new ZeroRuns(minBytes);
    for (let at = 0; at < bytes.byteLength; ) {
      const end = Math.min(bytes.byteLength, at + between(0, round % 2 === 0 ? 3_000 : 150_000));
      const piece = bytes.subarray(at, end);
      if (piece.every((byte) => byte === 0)) runs.pushZeros(piece.byteLength);
      else runs.push(piece);
      at = end;
    }
    assert.deepEqual(holesOf(runs), reference(bytes, minBytes), SEED);
  }
});

test('a file of zeros is one hole, and an empty file none', () => {
  const runs = new ZeroRuns();
  runs.push(new Uint8Array(100_001));
  assert.deepEqual(holesOf(runs), [[0, 100_001]]);
  assert.deepEqual(holesOf(new ZeroRuns()), []);
});

test('short runs are no holes', () => {
  const runs = new ZeroRuns();
  const min = LIMITS.holeMinBytes.value;
  runs.push(Uint8Array.of(1));
  runs.pushZeros(4095 + min - 4096);
  runs.push(new Uint8Array(4096).fill(1));
  runs.pushZeros(min);
  runs.push(Uint8Array.of(1));
  assert.deepEqual(holesOf(runs), [[4096 + min, min]]);
});
