import { assert } from '../base/assert.ts';
import { utf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orderKeys } from './cbor_keys.ts';
import {
  CANONICAL_NAN,
  type CborMap,
  type CborValue,
  DecodedMap,
  MAJOR,
  SIMPLE,
  TWO_32,
  tooDeep,
  tooManyItems,
} from './cbor_value.ts';

const MAX_U64 = 0xffff_ffff_ffff_ffffn;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const DEPTH_MAX = LIMITS.cborDepthMax.value;
const ITEMS_MAX = LIMITS.cborItemsMax.value;
const SCRATCH_START_BYTES = 4096;
const SCRATCH_KEPT_BYTES = 2 * LIMITS.messageMaxBytes.value;

/** Owned by one encoding at a time: taken at its start, given back at its end. */
let spareScratch: Uint8Array | null = null;

/** Encodes one value; see `encodeCbor`. */
export class CborWriter {
  #out: Uint8Array;
  #at = 0;
  #items = 0;

  constructor() {
    this.#out = spareScratch ?? new Uint8Array(SCRATCH_START_BYTES);
    spareScratch = null;
  }

  /** The encoding as an array of its own. The writer must not be used afterwards. */
  finish(): Uint8Array {
    const encoded = this.#out.slice(0, this.#at);
    if (this.#out.byteLength <= SCRATCH_KEPT_BYTES) spareScratch = this.#out;
    return encoded;
  }

  value(value: CborValue, depth: number): void {
    this.#items += 1;
    if (this.#items > ITEMS_MAX) throw tooManyItems();
    if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (value === null) this.#byte(SIMPLE.null);
    else if (typeof value === 'boolean') this.#byte(value ? SIMPLE.true : SIMPLE.false);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else this.#container(value, depth);
  }

  #container(value: readonly CborValue[] | CborMap, depth: number): void {
    assert(typeof value === 'object', `a value of type ${typeof value} has no CBOR form`);
    if (depth >= DEPTH_MAX) throw tooDeep();
    if (!Array.isArray(value)) {
      this.#map(value as CborMap, depth);
      return;
    }
    this.#head(MAJOR.array, value.length);
    for (const element of value) this.value(element, depth + 1);
  }

  #map(map: CborMap, depth: number): void {
    const prototype = Object.getPrototypeOf(map);
    const isPlain =
      prototype === Object.prototype || prototype === DecodedMap.prototype || prototype === null;
    assert(isPlain, 'only plain objects have a CBOR form');
    const keys: string[] = [];
    for (const key of Object.keys(map)) if (map[key] !== undefined) keys.push(key);
    const { sorted, encoded } = orderKeys(keys);
    this.#items += sorted.length;
    this.#head(MAJOR.map, sorted.length);
    for (let i = 0; i < sorted.length; i += 1) {
      this.#raw(encoded[i] as Uint8Array);
      this.value(map[sorted[i] as string] as CborValue, depth + 1);
    }
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#float(value);
    else if (value >= 0) this.#head(MAJOR.unsigned, value);
    else this.#head(MAJOR.negative, -1 - value);
  }

  #float(value: number): void {
    const view = this.#nineBytes(SIMPLE.float64);
    if (Number.isNaN(value)) view.setBigUint64(0, CANONICAL_NAN);
    else view.setFloat64(0, value);
  }

  #bigint(value: bigint): void {
    const major = value >= 0n ? MAJOR.unsigned : MAJOR.negative;
    const argument = value >= 0n ? value : -1n - value;
    assert(argument <= MAX_U64, 'a bigint on the wire has at most 64 bits');
    if (argument <= MAX_SAFE) this.#head(major, Number(argument));
    else this.#nineBytes(major | 27).setBigUint64(0, argument);
  }

  /** Writes an initial byte and makes room for the eight bytes behind it. */
  #nineBytes(initial: number): DataView {
    this.#reserve(9);
    this.#out[this.#at] = initial;
    this.#at += 9;
    return new DataView(this.#out.buffer, this.#out.byteOffset + this.#at - 8, 8);
  }

  #bytes(value: Uint8Array): void {
    this.#head(MAJOR.bytes, value.byteLength);
    this.#raw(value);
  }

  /** Writes ASCII text in one pass; anything else goes through the UTF-8 encoder. */
  #text(text: string): void {
    const start = this.#at;
    const length = text.length;
    this.#head(MAJOR.text, length);
    this.#reserve(length);
    const out = this.#out;
    let at = this.#at;
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = start;
        this.#unicode(text);
        return;
      }
      out[at++] = code;
    }
    this.#at = at;
  }

  #unicode(text: string): void {
    if (!text.isWellFormed()) {
      throw new CausewayError(
        'CW_WIRE_MALFORMED',
        'a text holds half a surrogate pair: it has no UTF-8 form',
      );
    }
    const encoded = utf8(text);
    this.#head(MAJOR.text, encoded.byteLength);
    this.#raw(encoded);
  }

  /** Initial byte and argument in the shortest form; `argument` is a safe integer. */
  #head(major: number, argument: number): void {
    this.#reserve(9);
    if (argument < 24) {
      this.#out[this.#at++] = major | argument;
    } else if (argument <= 0xff) {
      this.#out[this.#at++] = major | 24;
      this.#out[this.#at++] = argument;
    } else if (argument <= 0xffff) {
      this.#out[this.#at++] = major | 25;
      this.#uint16(argument);
    } else if (argument < TWO_32) {
      this.#out[this.#at++] = major | 26;
      this.#uint32(argument);
    } else {
      this.#out[this.#at++] = major | 27;
      this.#uint32(Math.floor(argument / TWO_32));
      this.#uint32(argument % TWO_32);
    }
  }

  #uint32(value: number): void {
    this.#uint16(value >>> 16);
    this.#uint16(value & 0xffff);
  }

  #uint16(value: number): void {
    this.#out[this.#at++] = value >>> 8;
    this.#out[this.#at++] = value & 0xff;
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#out[this.#at++] = byte;
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#out.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#at + sizeBytes;
    if (needed <= this.#out.byteLength) return;
    const grown = new Uint8Array(Math.max(needed, this.#out.byteLength * 2));
    grown.set(this.#out.subarray(0, this.#at));
    this.#out = grown;
  }
}
