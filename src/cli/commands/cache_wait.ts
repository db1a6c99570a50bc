import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import type { CacheWaitView } from '../../contract/mount_schemas.ts';
import { waitingText } from '../cache_text.ts';
import { parseCount } from '../option_numbers.ts';
import type { Action, Context } from '../program.ts';

const DAY_S = 86_400;
const MS_PER_S = 1_000;

/** A cache in which writes wait. */
interface Place {
  readonly name: string;
  readonly at: { readonly mountpoint: string } | { readonly share: string };
}

/** `causeway cache flush PLACE` */
export const cacheFlush: Action = async (context, [place = ''], options) => {
  const found = await placesOf(context, place);
  return waitAll(context, found, { clean: false, timeoutMs: timeoutOf(options['timeout']) });
};

/** `causeway cache wait --clean [PLACE]` */
export const cacheWait: Action = async (context, [place], options) => {
  if (options['clean'] !== true)
    throw new CausewayError('CW_USAGE', 'say what to wait for: --clean, until nothing waits any more');
  const found = await placesOf(context, place);
  return waitAll(context, found, { clean: true, timeoutMs: timeoutOf(options['timeout']) });
};

/** The one that is named, or all that there are: a name without `/` is that of a share. */
async function placesOf({ client, terminal }: Context, name: string | undefined): Promise<Place[]> {
  if (name !== undefined) {
    if (!name.includes('/')) return [{ name, at: { share: name } }];
    const mountpoint = resolveAbsolute(terminal.cwd, name);
    return [{ name: mountpoint, at: { mountpoint } }];
  }
  const mounts = await client.call('listMounts', {});
  const shares = await client.call('listShares', {});
  return [
    ...mounts
      .filter(({ writes }) => writes?.journal)
      .map(({ mountpoint }) => ({ name: mountpoint, at: { mountpoint } })),
    ...shares
      .filter(({ mount }) => mount?.writes?.journal)
      .map(({ name: share }) => ({ name: share, at: { share } })),
  ];
}

function timeoutOf(timeout: unknown): number {
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  return parseCount(String(timeout), '--timeout', DAY_S, 0) * MS_PER_S;
}

interface Wish {
  readonly clean: boolean;
  readonly timeoutMs: number;
}

async function waitAll(context: Context, places: readonly Place[], wish: Wish): Promise<number> {
  const { terminal, json } = context;
  const all = [];
  for (const { name, at } of places) all.push({ name, ...(await waitFor(context, at, wish)) });
  const isDone = all.every((one) => one.isDone);
  if (json) terminal.out(`${JSON.stringify({ isDone, caches: all })}\n`);
  else
    for (const { name, isDone: done, waiting } of all)
      terminal.out(`${name}: ${done ? 'clean' : `not yet, ${waitingText(waiting)}`}\n`);
  return isDone ? 0 : 1;
}

/** The daemon answers after a while in any case: then it is asked again. */
async function waitFor(
  { client }: Context,
  at: Place['at'],
  { clean, timeoutMs }: Wish,
): Promise<CacheWaitView> {
  for (let leftMs = timeoutMs; ; ) {
    const waitMs = Math.min(leftMs, LIMITS.writeBackWaitMs.value);
    const answer = await client.call('waitCache', {}, { ...at, clean, waitMs });
    leftMs -= waitMs;
    if (answer.isDone || leftMs <= 0) return answer;
  }
}
