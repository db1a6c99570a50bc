import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { utf8 } from '../base/bytes.ts';
import { crc32c, crc32cByTable } from './crc32c.ts';
import { FOLD_DISTANCES, FOLD_MIN_BYTES, foldForCrc32c } from './crc32c_fold.ts';

/** Bit by bit, straight from the definition. */
function reference(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function pseudoRandom(length: number, seed: number): Uint8Array {
  let state = seed | 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}

const ISCSI_READ = Uint8Array.from([
  ...[0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0],
  ...[0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0],
]);

test('gives the values of RFC 3720 B.4', () => {
  const vectors: [string, Uint8Array, number][] = [
    ['empty', new Uint8Array(0), 0],
    ['digits', utf8('123456789'), 0xe3069283],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 rising', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 falling', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['iSCSI read', ISCSI_READ, 0xd9963a56],
  ];
  for (const [label, bytes, expected] of vectors) {
    assert.equal(crc32c(bytes), expected, label);
    assert.equal(crc32cByTable(bytes), expected, label);
    assert.equal(reference(bytes), expected, label);
  }
});

test('agrees with the definition around every boundary of the two methods', () => {
  const edges = [
    0,
    1,
    15,
    16,
    17,
    31,
    33,
    3343,
    3345,
    FOLD_MIN_BYTES - 1,
    FOLD_MIN_BYTES,
    FOLD_MIN_BYTES + 1,
  ];
  const stages = [3344 + 65_536, 3344 + 65_536 + 63, 3344 + 65_536 + 64, 3344 + 2 * 65_536 + 1, 200_000];
  for (const length of [...edges, ...stages]) {
    const bytes = pseudoRandom(length, length);
    const expected = reference(bytes);
    assert.equal(crc32c(bytes), expected, `${length} bytes`);
    assert.equal(crc32cByTable(bytes), expected, `${length} bytes by table`);
  }
});

test('every length from the smallest that is folded over two steps', () => {
  const bytes = pseudoRandom(FOLD_MIN_BYTES + 130, 7);
  for (let length = FOLD_MIN_BYTES; length < FOLD_MIN_BYTES + 130; length += 1) {
    const part = bytes.subarray(130, 130 + length);
    assert.equal(crc32c(part, 0x1234_5678), crc32cByTable(part, 0x1234_5678), `${length} bytes`);
  }
});

test('continues from the value of what came before', () => {
  const bytes = pseudoRandom(150_000, 3);
  const whole = crc32c(bytes);
  for (const cut of [0, 1, 8, 5000, 70_000, 149_999, 150_000]) {
    assert.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), whole, `cut at ${cut}`);
  }
});

test('sees every single flipped bit of a folded message', () => {
  const bytes = pseudoRandom(12_000, 5);
  const good = crc32c(bytes);
  for (let at = 0; at < bytes.byteLength; at += 97) {
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
    assert.notEqual(crc32c(bytes), good, `bit in byte ${at}`);
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
  }
});

test('the multiple behind the folding has remainder zero', () => {
  const degree = FOLD_DISTANCES[FOLD_DISTANCES.length - 1] as number;
  const exponents = [degree, ...FOLD_DISTANCES.map((distance) => degree - distance)];
  let power = 0x8000_0000; // x^0 with its bits reversed
  let sum = 0;
  for (let exponent = 0; exponent <= degree; exponent += 1) {
    if (exponents.includes(exponent)) sum ^= power;
    power = (power >>> 1) ^ (power & 1 ? 0x82f63b78 : 0);
  }
  assert.equal(exponents.length, 6);
  assert.equal(sum, 0);
});

test('what folding leaves is short and has the same remainder', () => {
  const bytes = pseudoRandom(100_000, 9);
  const folded = foldForCrc32c(bytes, ~0);
  assert.ok(folded !== null, 'this machine has the vector instructions');
  assert.ok(folded.byteLength < 3408);
  assert.equal(crc32cByTable(folded, ~0), reference(bytes));
});

test('a processor without vector instructions uses the tables', { skip: process.arch !== 'x64' }, () => {
  const modules = ['./crc32c.ts', './crc32c_fold.ts'].map((file) =>
    JSON.stringify(new URL(file, import.meta.url)),
  );
  const script = `
    const { crc32c } = await import(${modules[0]});
    const { foldForCrc32c } = await import(${modules[1]});
    console.log(foldForCrc32c(new Uint8Array(9000), ~0), crc32c(new Uint8Array(9000)));`;
  const flags = ['--no-enable-ssse3', '--no-enable-sse4-1', '--input-type=module', '--eval', script];
  const printed = execFileSync(process.execPath, flags, { encoding: 'utf8' });
  assert.equal(printed.trim(), `null ${reference(new Uint8Array(9000))}`);
});
