import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { fromHex, toHex } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

/** Decoded maps have no prototype; this gives them the ordinary one so that they compare with literals. */
function plain(value: CborValue | undefined): unknown {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function refuses(hex: string, code: string): void {
  assert.throws(() => decodeCbor(fromHex(hex)), { name: 'CausewayError', code }, hex);
}

describe('round trip', () => {
  it('keeps every value of the subset, in one and the same form', () => {
    const value = fc.letrec<{ value: CborValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 6, depthSize: 'small' },
        fc.maxSafeInteger(),
        fc.double(),
        fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
        fc.string({ unit: 'binary' }),
        fc.uint8Array({ maxLength: 300 }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 40 }),
        fc.dictionary(
          fc.string({ unit: 'binary', maxLength: 40 }).filter((key) => !/^[0-9]+$/.test(key)),
          tie('value'),
          { maxKeys: 40 },
        ),
      ),
    })).value;
    console.log(`SEED=${SEED}`);
    fc.assert(
      fc.property(value, (original) => {
        const encoded = encodeCbor(original);
        const decoded = decodeCbor(encoded);
        assert.equal(toHex(encodeCbor(decoded)), toHex(encoded));
        assert.deepEqual(plain(decoded), plain(normal(original)));
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  it('a bigint comes back as a number exactly where that is safe', () => {
    assert.equal(decodeCbor(encodeCbor(2n ** 53n - 1n)), 2 ** 53 - 1);
    assert.equal(decodeCbor(encodeCbor(2n ** 53n)), 2n ** 53n);
    assert.equal(decodeCbor(encodeCbor(-(2n ** 53n) + 1n)), -(2 ** 53) + 1);
    assert.equal(decodeCbor(encodeCbor(-(2n ** 53n))), -(2n ** 53n));
  });

  it('decoded bytes do not change with the buffer they came in', () => {
    const message = encodeCbor({ hash: new Uint8Array([1, 2, 3]) });
    const decoded = decodeCbor(message) as { hash: Uint8Array };
    message.fill(0);
    assert.deepEqual(decoded.hash, new Uint8Array([1, 2, 3]));
  });

  it('works on a window of a larger buffer', () => {
    const encoded = encodeCbor({ big: 2n ** 63n, half: 0.5 });
    const larger = new Uint8Array(encoded.byteLength + 13).fill(0xff);
    larger.set(encoded, 7);
    const decoded = decodeCbor(larger.subarray(7, 7 + encoded.byteLength));
    assert.deepEqual(plain(decoded), { big: 2n ** 63n, half: 0.5 });
    assert.deepEqual(plain(decodeCbor(Buffer.from(encoded))), { big: 2n ** 63n, half: 0.5 });
  });
});

/** A bigint in the safe range becomes a number on the way. */
function normal(value: CborValue | undefined): CborValue {
  if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value);
  if (Array.isArray(value)) return value.map(normal);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value as CborValue;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, normal(member)]));
}

describe('determinism', () => {
  it('sorts keys by their encoding and leaves undefined members out', () => {
    const one = encodeCbor({ b: 1, aa: 2, a: 3, gone: undefined, é: 4 });
    const other = encodeCbor({ é: 4, a: 3, aa: 2, b: 1 });
    assert.equal(toHex(one), 'a4616103616201626161' + '0262c3a904');
    assert.deepEqual(one, other);
  });

  it('sorts many keys the same way', () => {
    const keys = Array.from({ length: 200 }, (_, i) => `k${(i * 7919) % 1000}${'x'.repeat(i % 3)}`);
    const forward = encodeCbor(Object.fromEntries(keys.map((key) => [key, 1])));
    const backward = encodeCbor(Object.fromEntries(keys.toReversed().map((key) => [key, 1])));
    assert.deepEqual(forward, backward);
    assert.deepEqual(Object.keys(decodeCbor(forward) as object).length, new Set(keys).size);
  });

  for (const [what, hex] of [
    ['a number not in its shortest form', '1817'],
    ['a 16-bit number below 256', '1900ff'],
    ['a 32-bit number below 65,536', '1a0000ffff'],
    ['a 64-bit number below 2^32', '1b00000000ffffffff'],
    ['a length not in its shortest form', '580161'],
    ['keys out of order', 'a2616201616102'],
    ['a key twice', 'a2616101616102'],
    ['an integer as a float', 'fb3ff0000000000000'],
    ['a NaN with a payload', 'fb7ff8000000000001'],
    ['a half float', 'f93c00'],
    ['a single float', 'fa3f800000'],
    ['undefined', 'f7'],
    ['another simple value', 'f820'],
    ['a tag', 'c000'],
    ['an array without length', '9fff'],
    ['text without length', '7f6161ff'],
    ['a reserved initial byte', '1c'],
    ['a lone break', 'ff'],
    ['a key that is a number', 'a10102'],
    ['a key of digits', 'a1613001'],
    ['bytes behind the value', '0000'],
    ['text that is not UTF-8', '61ff'],
    ['text with a surrogate', '63eda080'],
    ['text with an overlong form', '62c080'],
  ] as const) {
    it(`refuses ${what}`, () => refuses(hex, 'CW_WIRE_MALFORMED'));
  }
});

describe('hostile input', () => {
  for (const [what, hex] of [
    ['nothing', ''],
    ['half a number', '19ff'],
    ['half a float', 'fb0000'],
    ['a byte string of 2^64 - 1', '5bffffffffffffffff'],
    ['a text of 2^32 - 1', '7affffffff61'],
    ['an array of 2^32 - 1', '9affffffff00'],
    ['an array of 2^53', '9b002000000000000000'],
    ['a map of 2^31', 'ba80000000616100'],
    ['a map with a key and no value', 'a16161'],
    ['an array with one element missing', '8201'],
  ] as const) {
    it(`is truncated: ${what}`, () => refuses(hex, 'CW_WIRE_TRUNCATED'));
  }

  it('a nest of arrays is bounded in both directions', () => {
    const depthMax = LIMITS.cborDepthMax.value;
    const nest = (depth: number): CborValue => (depth === 0 ? 1 : [nest(depth - 1)]);
    assert.deepEqual(decodeCbor(encodeCbor(nest(depthMax))), nest(depthMax));
    assert.throws(() => encodeCbor(nest(depthMax + 1)), { code: 'CW_WIRE_TOO_LARGE' });
    refuses(`${'81'.repeat(depthMax)}8100`, 'CW_WIRE_TOO_LARGE');
    refuses(`${'81'.repeat(1_000_000)}00`, 'CW_WIRE_TOO_LARGE');
  });

  it('the number of items is bounded in both directions', () => {
    const itemsMax = LIMITS.cborItemsMax.value;
    const list = new Array(itemsMax - 1).fill(0);
    assert.equal((decodeCbor(encodeCbor(list)) as number[]).length, itemsMax - 1);
    assert.throws(() => encodeCbor([...list, 0]), { code: 'CW_WIRE_TOO_LARGE' });
    const head = `9a${itemsMax.toString(16).padStart(8, '0')}`;
    refuses(head + '00'.repeat(itemsMax), 'CW_WIRE_TOO_LARGE');
  });

  it('a claimed length costs nothing', () => {
    const nested = fromHex(`${'9a00100000'.repeat(16)}${'40'.repeat(64)}`);
    const before = process.memoryUsage();
    for (let i = 0; i < 2000; i += 1) assert.throws(() => decodeCbor(nested), { code: 'CW_WIRE_TRUNCATED' });
    const after = process.memoryUsage();
    const grownBytes = after.heapUsed + after.external - before.heapUsed - before.external;
    assert.ok(grownBytes < 64 * 1024 * 1024, `${grownBytes} bytes more`);
  });

  it('keys that mean something to JavaScript are ordinary keys', () => {
    const encoded = encodeCbor(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2, "toString": 3}'));
    const decoded = decodeCbor(encoded) as Record<string, CborValue>;
    assert.deepEqual(Object.keys(decoded).toSorted(), ['__proto__', 'constructor', 'toString']);
    assert.equal(decoded['polluted'], undefined);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    const empty = decodeCbor(fromHex('a0')) as Record<string, CborValue>;
    assert.equal(empty['constructor'], undefined);
    assert.equal('__proto__' in empty, false);
    assert.equal(toHex(encodeCbor(decoded)), toHex(encoded));
  });

  it('one map cannot change what another inherits', () => {
    const decoded = decodeCbor(fromHex('a0')) as object;
    assert.throws(() => Object.assign(Object.getPrototypeOf(decoded), { leaked: 1 }), TypeError);
  });
});

describe('the encoder refuses', () => {
  it('text without a UTF-8 form, so that no name is changed on the way', () => {
    assert.throws(() => encodeCbor('a\ud800'), { code: 'CW_WIRE_MALFORMED' });
    assert.throws(() => encodeCbor({ 'a\ud800': 1 }), { code: 'CW_WIRE_MALFORMED' });
  });

  it('a key of digits', () => {
    assert.throws(() => encodeCbor({ 7: 1 }), { code: 'CW_WIRE_MALFORMED' });
  });

  it('what is no value, as a bug', () => {
    const values: unknown[] = [
      undefined,
      Symbol('s'),
      () => 1,
      new Map(),
      new Date(0),
      [undefined],
      2n ** 64n,
    ];
    for (const value of values) {
      assert.throws(
        () => encodeCbor(value as CborValue),
        (error: Error) => !(error instanceof CausewayError),
      );
    }
  });

  it('and works on after a refusal', () => {
    assert.throws(() => encodeCbor(['x'.repeat(10_000), '\ud800']));
    assert.equal(toHex(encodeCbor(['a'])), '816161');
  });
});
