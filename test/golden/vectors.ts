import { readFileSync } from 'node:fs';
import { fromHex } from '../../src/base/bytes.ts';

/** One layout's file: values with their bytes, and bytes that must be refused. */
export interface VectorFile<V extends Valid = Valid, I extends Invalid = Invalid> {
  readonly about: string;
  readonly valid: readonly V[];
  readonly invalid: readonly I[];
}

export interface Valid {
  readonly name: string;
  readonly value: unknown;
  readonly hex: string;
}

export interface Invalid {
  readonly name: string;
  readonly hex: string;
  readonly code: string;
}

export function loadVectors<T = VectorFile>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8')) as T;
}

/** Turns the marked values of a vector file into what they stand for: `$hex` bytes, `$big` a bigint, `$float` a number. */
export function untag(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untag);
  if (value === null || typeof value !== 'object') return value;
  const marked = value as { $hex?: string; $big?: string; $float?: string };
  if (marked.$hex !== undefined) return fromHex(marked.$hex);
  if (marked.$big !== undefined) return BigInt(marked.$big);
  if (marked.$float !== undefined) return Number(marked.$float);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, untag(member)]));
}

/** Gives decoded maps, which have no prototype, the ordinary one, so that they compare with literals. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}
