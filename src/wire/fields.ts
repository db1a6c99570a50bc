import { CausewayError } from '../base/errors.ts';
import type { CborMap, CborValue } from './cbor_value.ts';

/*
 * Readers of the members of a decoded map. Each throws CW_WIRE_MALFORMED, naming the member, where the member is
 * missing or is not what the caller asks for. Members that nobody asks for are ignored: a newer peer may send them.
 */

const MAX_U64 = 0xffff_ffff_ffff_ffffn;
const MAX_I64 = 0x7fff_ffff_ffff_ffffn;
const MAX_U32 = 0xffff_ffff;

/** Reads one member of a map. */
export type FieldReader<T> = (map: CborMap, name: string) => T;

/** `value` as a map; `what` names it in the error. */
export function mapOf(value: CborValue | undefined, what: string): CborMap {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap || value instanceof Uint8Array) throw malformed(`${what} is no map`);
  return value as CborMap;
}

/** A member that is a map itself. */
export function map(parent: CborMap, name: string): CborMap {
  return mapOf(parent[name], `member ${name}`);
}

/** Text of at most `maxBytes` of UTF-8. */
export function text(map: CborMap, name: string, maxBytes = Number.POSITIVE_INFINITY): string {
  const value = map[name];
  if (typeof value !== 'string') throw wrongKind(value, name, 'text');
  // a UTF-16 unit takes three bytes of UTF-8 at most: most texts need no exact count
  if (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes) {
    throw malformed(`member ${name} is longer than ${maxBytes} bytes`);
  }
  return value;
}

/** One of a few words. */
export function oneOf<const T extends string>(map: CborMap, name: string, words: readonly T[]): T {
  const value = text(map, name);
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw malformed(`member ${name} is not one of ${words.join(', ')}`);
  return word;
}

export function boolean(map: CborMap, name: string): boolean {
  const value = map[name];
  if (typeof value !== 'boolean') throw wrongKind(value, name, 'true or false');
  return value;
}

/** A whole number from 0 to `max`, which is at most 2^53 - 1. */
export function uint(map: CborMap, name: string, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = map[name];
  if (typeof value !== 'number') throw wrongKind(value, name, 'a whole number');
  if (!Number.isSafeInteger(value) || value < 0 || value > max) {
    throw malformed(`member ${name} is not a whole number from 0 to ${max}`);
  }
  return value;
}

/** Like {@link uint}, for a member that older peers do not send. */
export function uintOr(map: CborMap, name: string, absent: number): number {
  return map[name] === undefined ? absent : uint(map, name);
}

/** A whole number of 32 bits. */
export function u32(map: CborMap, name: string): number {
  return uint(map, name, MAX_U32);
}

/** A whole number of 64 bits without sign, as a bigint whatever its size. */
export function u64(map: CborMap, name: string): bigint {
  return integer(map, name, 0n, MAX_U64);
}

/** A whole number of 64 bits with sign, as a bigint whatever its size: times may lie before 1970. */
export function i64(map: CborMap, name: string): bigint {
  return integer(map, name, -MAX_I64 - 1n, MAX_I64);
}

/** Any number, but no NaN and no infinity. */
export function float(map: CborMap, name: string): number {
  const value = map[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongKind(value, name, 'a finite number');
  return value;
}

/** Bytes, exactly `sizeBytes` of them where that is given. */
export function bytes(map: CborMap, name: string, sizeBytes?: number): Uint8Array {
  const value = map[name];
  if (!(value instanceof Uint8Array)) throw wrongKind(value, name, 'bytes');
  if (sizeBytes !== undefined && value.byteLength !== sizeBytes) {
    throw malformed(`member ${name} has ${value.byteLength} bytes instead of ${sizeBytes}`);
  }
  return value;
}

/** Bytes, at most `maxBytes` of them. */
export function bytesUpTo(map: CborMap, name: string, maxBytes: number): Uint8Array {
  const value = bytes(map, name);
  if (value.byteLength > maxBytes) throw malformed(`member ${name} is longer than ${maxBytes} bytes`);
  return value;
}

/** An array of at most `maxItems`, each turned into a `T` by `read`, which gets a name for its errors. */
export function list<T>(
  map: CborMap,
  name: string,
  maxItems: number,
  read: (item: CborValue, what: string) => T,
): T[] {
  const value = map[name];
  if (!Array.isArray(value)) throw wrongKind(value, name, 'a list');
  if (value.length > maxItems) throw malformed(`member ${name} has more than ${maxItems} items`);
  return value.map((item: CborValue, index) => read(item, `item ${index} of ${name}`));
}

/** An array of at most `maxItems` maps. */
export function mapList<T>(map: CborMap, name: string, maxItems: number, read: (item: CborMap) => T): T[] {
  return list(map, name, maxItems, (item, what) => read(mapOf(item, what)));
}

/** What `read` gives, or undefined where the member is absent: `optional(map, 'hash', bytes)`. */
export function optional<T>(map: CborMap, name: string, read: FieldReader<T>): T | undefined {
  return map[name] === undefined ? undefined : read(map, name);
}

/** What `read` gives, or null where the member is null; an absent member is an error. */
export function nullable<T>(map: CborMap, name: string, read: FieldReader<T>): T | null {
  return map[name] === null ? null : read(map, name);
}

function integer(map: CborMap, name: string, min: bigint, max: bigint): bigint {
  const value = map[name];
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value))
    throw wrongKind(value, name, 'a whole number');
  const wide = BigInt(value as number | bigint);
  if (wide < min || wide > max) throw malformed(`member ${name} is not a whole number from ${min} to ${max}`);
  return wide;
}

function wrongKind(value: CborValue | undefined, name: string, wanted: string): CausewayError {
  return malformed(value === undefined ? `member ${name} is missing` : `member ${name} is not ${wanted}`);
}

function malformed(message: string): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', message);
}
