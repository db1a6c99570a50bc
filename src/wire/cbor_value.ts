import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/**
 * A value of the CBOR subset of the wire (RFC 8949). A map member that is `undefined` is left out.
 * A decoded map has no `Object.prototype` behind it; a decoded integer is a `number` where it is a safe integer,
 * a `bigint` beyond.
 */
export type CborValue =
  | number
  | bigint
  | string
  | Uint8Array
  | boolean
  | null
  | readonly CborValue[]
  | CborMap;

/** A map with text keys. A key that consists of digits only is refused in both directions. */
export interface CborMap {
  readonly [key: string]: CborValue | undefined;
}

/** Major types of RFC 8949 section 3.1, in place in the initial byte. */
export const MAJOR = {
  unsigned: 0x00,
  negative: 0x20,
  bytes: 0x40,
  text: 0x60,
  array: 0x80,
  map: 0xa0,
  tag: 0xc0,
  simple: 0xe0,
} as const;

/** The four simple values and the one float form of the subset. */
export const SIMPLE = { false: 0xf4, true: 0xf5, null: 0xf6, float64: 0xfb } as const;

export const CANONICAL_NAN = 0x7ff8_0000_0000_0000n;
export const TWO_32 = 0x1_0000_0000;

/**
 * V8 gives an object with a key of digits an element store of up to 4 KiB, so that six bytes of input would cost
 * that much memory; and it lists such keys out of order.
 */
export const DIGITS_ONLY = /^[0-9]+$/;

/**
 * Decoded maps are made by this constructor: reading `constructor` or `__proto__` finds nothing inherited and
 * writing `__proto__` makes an own property, as with a null prototype, yet objects of one shape share a hidden
 * class, which `Object.create(null)` prevents.
 */
export const DecodedMap = function DecodedMap() {
  // a constructor that adds nothing
} as unknown as new () => Record<string, CborValue>;
DecodedMap.prototype = Object.freeze(Object.create(null));

/** Order of two keys: bytewise (RFC 8949 section 4.2.1), on ranges so that nothing is cut out for it. */
export function compareRanges(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const shared = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < shared; i += 1) {
    const difference = (a[aStart + i] as number) - (b[bStart + i] as number);
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

export function tooDeep(): CausewayError {
  const depthMax = LIMITS.cborDepthMax.value;
  return new CausewayError('CW_WIRE_TOO_LARGE', `a CBOR value nests deeper than ${depthMax} levels`);
}

export function tooManyItems(): CausewayError {
  const itemsMax = LIMITS.cborItemsMax.value;
  return new CausewayError('CW_WIRE_TOO_LARGE', `a CBOR value has more than ${itemsMax} items`);
}
