import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { resolveAbsolute } from '../base/path.ts';
import type { StartJobRequest } from '../contract/schemas.ts';
import { readNamedText } from '../world/node/named_text.ts';
import type { Context } from './program.ts';

/** `--exclude-from FILE` and `--exclude PATTERN`, the files first, since the last pattern that fits counts. CW_USAGE, CW_DISK_*. */
export async function exclusions(
  { terminal }: Pick<Context, 'terminal'>,
  { exclude, excludeFrom }: Record<string, unknown>,
): Promise<Pick<StartJobRequest, 'exclude'>> {
  const files = (excludeFrom as string[] | undefined) ?? [];
  const patterns: string[] = [];
  for (const file of files) {
    const text = await readNamedText(resolveAbsolute(terminal.cwd, file));
    patterns.push(...text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#')));
  }
  patterns.push(...((exclude as string[] | undefined) ?? []));
  const { excludePatternsMax, excludePatternMaxBytes } = LIMITS;
  if (patterns.length > excludePatternsMax.value)
    throw new CausewayError('CW_USAGE', `--exclude: at most ${excludePatternsMax.value} patterns are taken`);
  const long = patterns.find((pattern) => Buffer.byteLength(pattern) > excludePatternMaxBytes.value);
  if (long !== undefined || patterns.includes(''))
    throw new CausewayError(
      'CW_USAGE',
      `--exclude ${long?.slice(0, 40) ?? ''}: a pattern has 1 to 1024 bytes`,
    );
  return patterns.length === 0 ? {} : { exclude: patterns };
}
