import { formatBytes } from '../../base/units.ts';
import type { Messages } from '../messages/en/index.ts';

export type Units = Messages['units'];

export function speedText(bytesPerSecond: number, units: Units): string {
  return units.perSecond(formatBytes(bytesPerSecond));
}

/** One decimal, cut and not rounded: 99.98 is not 100. */
export function percentText(percent: number): string {
  const cut = Math.floor(percent * 10) / 10;
  return `${cut === 100 ? '100' : cut.toFixed(1)} %`;
}

/** Two units at most: `1 h 4 min`, `12 s`, `0.4 s`. */
export function durationText(durationMs: number, units: Units): string {
  if (durationMs < 10_000) return units.seconds((Math.max(0, durationMs) / 1_000).toFixed(1));
  const seconds = Math.round(durationMs / 1_000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return pair(units.days(days), hours % 24, units.hours);
  if (hours > 0) return pair(units.hours(hours), minutes % 60, units.minutes);
  if (minutes > 0) return pair(units.minutes(minutes), seconds % 60, (rest) => units.seconds(String(rest)));
  return units.seconds(String(seconds));
}

function pair(first: string, rest: number, unit: (rest: number) => string): string {
  return rest === 0 ? first : `${first} ${unit(rest)}`;
}

/** Grouped by thousands as the language does. */
export function countText(count: number, tag: string): string {
  return new Intl.NumberFormat(tag).format(count);
}

/** What a person types as MiB per second; null for nothing, NaN for what is none. */
export function parseMebibytes(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const value = Number(trimmed);
  return value >= 0.001 ? Math.round(value * 1024 ** 2) : Number.NaN;
}
