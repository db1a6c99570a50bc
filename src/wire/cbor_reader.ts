import { fromUtf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { recallKey, rememberKey } from './cbor_keys.ts';
import {
  CANONICAL_NAN,
  type CborMap,
  type CborValue,
  compareRanges,
  DecodedMap,
  DIGITS_ONLY,
  MAJOR,
  SIMPLE,
  TWO_32,
  tooDeep,
  tooManyItems,
} from './cbor_value.ts';

const DEPTH_MAX = LIMITS.cborDepthMax.value;
const ITEMS_MAX = LIMITS.cborItemsMax.value;
const SAFE_HIGH_MAX = 0x1f_ffff; // high word of 2^53 - 1
const SHORTEST_FROM = [24, 0x100, 0x1_0000, TWO_32] as const;

/** Decodes one value; see `decodeCbor`. */
export class CborReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #end: number;
  #at = 0;
  #items = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  expectEnd(): void {
    if (this.#at < this.#end) throw this.#malformed(`${this.#end - this.#at} bytes behind the value`);
  }

  value(depth: number): CborValue {
    const initial = this.#initial();
    switch (initial & 0xe0) {
      case MAJOR.unsigned:
        return this.#unsigned(initial);
      case MAJOR.negative:
        return this.#negative(initial);
      case MAJOR.bytes:
        return this.#byteString();
      case MAJOR.text:
        return this.#text(this.#length(1));
      case MAJOR.array:
        return this.#array(depth);
      case MAJOR.map:
        return this.#map(depth);
      case MAJOR.tag:
        throw this.#malformed('a tag');
      default:
        return this.#simple(initial);
    }
  }

  #initial(): number {
    if (this.#at >= this.#end) throw this.#truncated();
    this.#items += 1;
    if (this.#items > ITEMS_MAX) throw tooManyItems();
    return this.#bytes[this.#at] as number;
  }

  #unsigned(initial: number): number | bigint {
    if (initial === (MAJOR.unsigned | 27) && this.#isBeyondSafe()) return this.#wideArgument();
    return this.#argument();
  }

  #negative(initial: number): number | bigint {
    if (initial === (MAJOR.negative | 27) && this.#isBeyondSafe()) return -1n - this.#wideArgument();
    const argument = this.#argument();
    return argument === Number.MAX_SAFE_INTEGER ? -1n - BigInt(argument) : -1 - argument;
  }

  /** Whether the eight-byte argument ahead is larger than 2^53 - 1. */
  #isBeyondSafe(): boolean {
    if (this.#end - this.#at < 9) throw this.#truncated();
    const [high0, high1] = [this.#bytes[this.#at + 1] as number, this.#bytes[this.#at + 2] as number];
    return high0 * 256 + high1 > SAFE_HIGH_MAX >>> 16;
  }

  #wideArgument(): bigint {
    this.#at += 9;
    return this.#view.getBigUint64(this.#at - 8);
  }

  /** A copy, because the caller may use the buffer of the message again. */
  #byteString(): Uint8Array {
    const length = this.#length(1);
    const copy = new Uint8Array(length);
    copy.set(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return copy;
  }

  /** ASCII, which most text is, is cut out without the cost of a UTF-8 decoder. */
  #text(length: number): string {
    const start = this.#at;
    const end = start + length;
    let at = start;
    while (at < end && (this.#bytes[at] as number) < 0x80) at += 1;
    const text =
      at === end ? this.#bytes.toString('latin1', start, end) : fromUtf8(this.#bytes.subarray(start, end));
    if (text === null) throw this.#malformed('text that is not UTF-8');
    this.#at = end;
    return text;
  }

  #array(depth: number): CborValue[] {
    const length = this.#length(1);
    if (depth >= DEPTH_MAX) throw tooDeep();
    const elements: CborValue[] = []; // grows as elements arrive: the declared length is only a claim
    for (let i = 0; i < length; i += 1) elements.push(this.value(depth + 1));
    return elements;
  }

  #map(depth: number): CborMap {
    const length = this.#length(2);
    if (depth >= DEPTH_MAX) throw tooDeep();
    const map = new DecodedMap();
    let previousStart = this.#at;
    let previousEnd = this.#at;
    for (let i = 0; i < length; i += 1) {
      const start = this.#at;
      const key = this.#key();
      if (compareRanges(this.#bytes, previousStart, previousEnd, this.#bytes, start, this.#at) >= 0) {
        throw this.#malformed('keys that are repeated or out of order');
      }
      previousStart = start;
      previousEnd = this.#at;
      map[key] = this.value(depth + 1);
    }
    return map;
  }

  #key(): string {
    if ((this.#initial() & 0xe0) !== MAJOR.text) throw this.#malformed('a key that is no text');
    const length = this.#length(1);
    const known = recallKey(this.#bytes, this.#at, length);
    if (known !== null) {
      this.#at += length;
      return known;
    }
    const start = this.#at;
    const key = this.#text(length);
    if (DIGITS_ONLY.test(key)) throw this.#malformed('a key of digits');
    rememberKey(key, this.#bytes, start, length);
    return key;
  }

  #simple(initial: number): boolean | null | number {
    if (initial === SIMPLE.float64) return this.#float();
    if (initial !== SIMPLE.false && initial !== SIMPLE.true && initial !== SIMPLE.null) {
      throw this.#malformed(`the simple value or float form 0x${initial.toString(16)}`);
    }
    this.#at += 1;
    return initial === SIMPLE.null ? null : initial === SIMPLE.true;
  }

  #float(): number {
    if (this.#end - this.#at < 9) throw this.#truncated();
    const value = this.#view.getFloat64(this.#at + 1);
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      throw this.#malformed('an integer written as a float');
    }
    if (Number.isNaN(value) && this.#view.getBigUint64(this.#at + 1) !== CANONICAL_NAN) {
      throw this.#malformed('a NaN with a payload');
    }
    this.#at += 9;
    return value;
  }

  /** A length whose items take at least `bytesPerItem` each: refused before anything is allocated for it. */
  #length(bytesPerItem: number): number {
    const length = this.#argument();
    if (length * bytesPerItem > this.#end - this.#at) throw this.#truncated();
    return length;
  }

  /** Consumes an initial byte and its argument; above 2^53 the result is inexact, which only lengths meet. */
  #argument(): number {
    const info = (this.#bytes[this.#at] as number) & 0x1f;
    if (info < 24) {
      this.#at += 1;
      return info;
    }
    if (info > 27) throw this.#malformed(info === 31 ? 'an indefinite length' : 'a reserved initial byte');
    const widthBytes = 1 << (info - 24);
    if (this.#end - this.#at < 1 + widthBytes) throw this.#truncated();
    let argument = 0;
    for (let i = 1; i <= widthBytes; i += 1)
      argument = argument * 256 + (this.#bytes[this.#at + i] as number);
    if (argument < (SHORTEST_FROM[info - 24] as number))
      throw this.#malformed('a number not in its shortest form');
    this.#at += 1 + widthBytes;
    return argument;
  }

  #truncated(): CausewayError {
    return new CausewayError(
      'CW_WIRE_TRUNCATED',
      `CBOR of ${this.#end} bytes ends inside the item at byte ${this.#at}`,
    );
  }

  #malformed(what: string): CausewayError {
    return new CausewayError('CW_WIRE_MALFORMED', `CBOR holds ${what} at byte ${this.#at}`);
  }
}
