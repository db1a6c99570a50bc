import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { formatBytes, sizeOf } from '../base/units.ts';

/** A whole number in a range. CW_USAGE. */
export function parseCount(text: string, option: string, max: number, min = 1): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new CausewayError('CW_USAGE', `${option} ${text}: a whole number from ${min} to ${max} is needed`);
}

/** How much of what is read is kept on a disk, in bytes. CW_USAGE. */
export function parseCacheSize(text: string, option: string): number {
  return parseSize(text, option, LIMITS.cacheSizeMinBytes.value, LIMITS.cacheSizeMaxBytes.value);
}

/** `20M` → 20 MiB; also a plain number of bytes, and K, G, KiB, MB and the like. */
export function parseSize(text: string, option: string, min: number, max: number): number {
  const value = sizeOf(text) ?? Number.NaN;
  if (value >= min && value <= max) return value;
  const range = `${formatBytes(min)} to ${formatBytes(max)}`;
  throw new CausewayError('CW_USAGE', `${option} ${text}: a size from ${range} is needed, for example 20M`);
}
