import { concat, utf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { compareRanges, DIGITS_ONLY, MAJOR } from './cbor_value.ts';

const CACHED_KEY_BYTES = 32;
const ENCODED_KEYS_KEPT = 1024;
const ORDERED_KEYS_KEPT = 64;
const DECODED_KEY_SLOTS = 256;

const encodedKeys = new Map<string, Uint8Array>();
const decodedKeys: (string | undefined)[] = new Array(DECODED_KEY_SLOTS).fill(undefined);

/** The encoding of a map key. Throws CW_WIRE_MALFORMED for a key of digits or one with a lone surrogate. */
function encodedKey(key: string): Uint8Array {
  const cached = encodedKeys.get(key);
  if (cached !== undefined) return cached;
  if (DIGITS_ONLY.test(key) || !key.isWellFormed()) {
    throw new CausewayError('CW_WIRE_MALFORMED', `${JSON.stringify(key)} cannot be a key on the wire`);
  }
  const text = utf8(key);
  const encoded = concat([head(text.byteLength), text]);
  if (text.byteLength <= CACHED_KEY_BYTES && encodedKeys.size < ENCODED_KEYS_KEPT)
    encodedKeys.set(key, encoded);
  return encoded;
}

/** The keys of a map in the order of the wire, each with its encoding. */
export interface KeyOrder {
  readonly given: readonly string[];
  readonly sorted: readonly string[];
  readonly encoded: readonly Uint8Array[];
}

/** The order found last: the entries of a page all have the same keys, given in the same order. */
let lastOrder: KeyOrder = { given: [], sorted: [], encoded: [] };

/** Puts the keys of a map in bytewise order of their encodings. Throws as {@link encodedKey} does. */
export function orderKeys(keys: readonly string[]): KeyOrder {
  if (isSame(keys, lastOrder.given)) return lastOrder;
  const pairs = keys.map((key) => ({ key, encoded: encodedKey(key) }));
  pairs.sort((a, b) => compareRanges(a.encoded, 0, a.encoded.byteLength, b.encoded, 0, b.encoded.byteLength));
  const order = {
    given: keys,
    sorted: pairs.map((pair) => pair.key),
    encoded: pairs.map((pair) => pair.encoded),
  };
  if (keys.length <= ORDERED_KEYS_KEPT) lastOrder = order;
  return order;
}

/** The text of an ASCII key seen lately, or null: a page of 512 entries has the same few keys 512 times. */
export function recallKey(bytes: Uint8Array, start: number, length: number): string | null {
  if (length === 0 || length > CACHED_KEY_BYTES) return null;
  const key = decodedKeys[slotOf(bytes, start, length)];
  if (key === undefined || key.length !== length) return null;
  for (let i = 0; i < length; i += 1) if (key.charCodeAt(i) !== bytes[start + i]) return null;
  return key;
}

/** Keeps a valid key for {@link recallKey}, in the place of another one with the same slot. */
export function rememberKey(key: string, bytes: Uint8Array, start: number, length: number): void {
  const isAscii = key.length === length;
  if (isAscii && length > 0 && length <= CACHED_KEY_BYTES) decodedKeys[slotOf(bytes, start, length)] = key;
}

function slotOf(bytes: Uint8Array, start: number, length: number): number {
  const first = bytes[start] as number;
  const middle = bytes[start + (length >> 1)] as number;
  const last = bytes[start + length - 1] as number;
  return (first * 31 + middle * 7 + last * 3 + length) % DECODED_KEY_SLOTS;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

function head(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(MAJOR.text | length);
  if (length <= 0xff) return Uint8Array.of(MAJOR.text | 24, length);
  if (length <= 0xffff) return Uint8Array.of(MAJOR.text | 25, length >>> 8, length & 0xff);
  return Uint8Array.of(
    MAJOR.text | 26,
    length >>> 24,
    (length >>> 16) & 0xff,
    (length >>> 8) & 0xff,
    length & 0xff,
  );
}
