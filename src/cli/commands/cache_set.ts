import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import type { CachePolicy } from '../../contract/cache_schemas.ts';
import { journalOf } from '../journal_options.ts';
import { parseSize } from '../option_numbers.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';
import { WRITES_HEAD, writesRow } from '../writes_text.ts';

/** `causeway cache set PLACE-OR-SHARE …` */
export const cacheSet: Action = async ({ client, terminal, json }, [name = ''], options) => {
  const { policy, dirtyLimit } = options;
  const limit =
    dirtyLimit === undefined
      ? {}
      : {
          dirtyMaxBytes: parseSize(
            String(dirtyLimit),
            '--dirty-limit',
            LIMITS.writeBackDirtyLeastBytes.value,
            LIMITS.cacheSizeMaxBytes.value,
          ),
        };
  const journal = { ...journalOf(options), ...limit };
  if (policy === undefined && Object.keys(journal).length === 0)
    throw new CausewayError('CW_USAGE', 'say what to set, for example --policy split');
  const isShare = !name.includes('/');
  const mountpoint = resolveAbsolute(terminal.cwd, name);
  const { writes } = await client.call(
    'setCache',
    {},
    {
      ...(isShare ? { share: name } : { mountpoint }),
      ...(policy === undefined ? {} : { policy: policy as CachePolicy }),
      ...(Object.keys(journal).length > 0 && { journal }),
    },
  );
  if (json) terminal.out(`${JSON.stringify({ name: isShare ? name : mountpoint, writes })}\n`);
  else if (writes !== null)
    terminal.out(`${table([WRITES_HEAD, writesRow(isShare ? name : mountpoint, writes)])}\n`);
  return 0;
};
