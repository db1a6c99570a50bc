import { CausewayError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import type { JobView, StartJobRequest } from '../contract/schemas.ts';
import { parseCount } from './option_numbers.ts';

/** What `--compress` and `--profile` ask for. */
export function compressOptions(
  options: Record<string, unknown>,
): Pick<StartJobRequest, 'compress' | 'profile'> {
  const { compress, profile } = options;
  return {
    ...(compress !== undefined && { compress: parseCompress(String(compress)) }),
    ...(profile !== undefined && { profile: parseProfile(String(profile)) }),
  };
}

function parseCompress(text: string): NonNullable<StartJobRequest['compress']> {
  return text === 'auto' || text === 'off' ? text : parseCount(text, '--compress', 19);
}

function parseProfile(text: string): NonNullable<StartJobRequest['profile']> {
  if (text === 'archive') return text;
  throw new CausewayError('CW_USAGE', `--profile ${text}: the only one is archive`);
}

/** `level 9, 40.0 MiB became 8.0 MiB (5.0 : 1), 2.0 MiB went as they were`; null where nothing was compressed. */
export function compressionText({ compression }: JobView): string | null {
  if (!compression || compression.beforeBytes === 0) return null;
  const { level, beforeBytes, afterBytes, skippedBytes } = compression;
  const ratio = (beforeBytes / Math.max(1, afterBytes)).toFixed(1);
  const skipped = skippedBytes > 0 ? `, ${formatBytes(skippedBytes)} went as they were` : '';
  return `level ${level}, ${formatBytes(beforeBytes)} became ${formatBytes(afterBytes)} (${ratio} : 1)${skipped}`;
}
