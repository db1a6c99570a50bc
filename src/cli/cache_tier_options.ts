import { CausewayError } from '../base/errors.ts';
import { resolveAbsolute } from '../base/path.ts';
import { sizeOf } from '../base/units.ts';
import type { AddMountRequest, TierName } from '../contract/mount_schemas.ts';
import { parseCacheSize } from './option_numbers.ts';

type TierWish = NonNullable<AddMountRequest['cacheTiers']>[number];

const NAMES: readonly TierName[] = ['hot', 'warm', 'cold'];

/** `--cache-tier hot:/ssd:20G`, as often as there are tiers. CW_USAGE. */
export function tierOptions(value: unknown, cwd: string): Pick<AddMountRequest, 'cacheTiers'> {
  const texts = (value as readonly string[] | undefined) ?? [];
  return texts.length === 0 ? {} : { cacheTiers: texts.map((text) => tierOf(text, cwd)) };
}

/** What is behind the last colon is a size where it looks like one, else a part of the folder. */
function tierOf(text: string, cwd: string): TierWish {
  const colon = text.indexOf(':');
  const tier = NAMES.find((name) => name === text.slice(0, colon));
  const rest = text.slice(colon + 1);
  const last = rest.lastIndexOf(':');
  const size = last > 0 && sizeOf(rest.slice(last + 1)) !== null ? rest.slice(last + 1) : null;
  const folder = size === null ? rest : rest.slice(0, last);
  if (colon < 0 || tier === undefined || folder === '')
    throw new CausewayError(
      'CW_USAGE',
      `--cache-tier ${text}: hot, warm or cold, a folder and perhaps a size are needed, as in hot:/ssd:20G`,
    );
  const sized = size === null ? {} : { sizeBytes: parseCacheSize(size, '--cache-tier') };
  return { tier, folder: resolveAbsolute(cwd, folder), ...sized };
}
