import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { forEachAtOnce } from '../base/parallel.ts';
import { type Name, parseName } from '../base/path.ts';
import { isPrivateName } from '../tree/files/names.ts';
import type { Clock } from '../world/clock.ts';
import type { Dir, Stat } from '../world/disk.ts';
import type { HintKinds } from '../world/folder_hints.ts';
import type { WatchedNode } from './watched_tree.ts';

/** One name of a folder, as it is now. */
export interface Seen {
  readonly folder: WatchedNode;
  readonly name: string;
  /** Null: nothing has the name. */
  readonly stat: Stat | null;
  /** Null where everything in the folder was looked at: anything may have happened to it. */
  readonly hint: HintKinds | null;
  readonly isFresh: boolean;
  /** It was taken into the tree. */
  isDone: boolean;
}

/** A change within the same step of the file system's clock leaves the same times. */
const FRESH_NS = 20_000_000n;

export async function lookAtNames(
  clock: Pick<Clock, 'wallMs'>,
  { folder, dir }: { readonly folder: WatchedNode; readonly dir: Dir },
  names: Iterable<readonly [string, HintKinds | null]>,
): Promise<Seen[]> {
  const all = [...names].filter(([name]) => !isPrivateName(name));
  const seen: Seen[] = [];
  await forEachAtOnce(all.entries(), LIMITS.watchLooksAtOnceMax.value, async ([index, [name, hint]]) => {
    const nowNs = BigInt(Math.floor(clock.wallMs())) * 1_000_000n;
    const stat = await statOf(dir, name);
    const isFresh = stat !== null && stat.ctimeNs > nowNs - FRESH_NS;
    seen[index] = { folder, name, stat, hint, isFresh, isDone: false };
  });
  return seen;
}

/** Every name that the folder has or is known to have. */
export async function lookAtWhole(
  clock: Pick<Clock, 'wallMs'>,
  place: { readonly folder: WatchedNode; readonly dir: Dir },
): Promise<Seen[]> {
  const names = new Set<string>(place.folder.children?.keys());
  for await (const { name } of place.dir.list()) if (name !== null) names.add(name);
  return lookAtNames(
    clock,
    place,
    [...names].map((name) => [name, null] as const),
  );
}

async function statOf(dir: Dir, name: string): Promise<Stat | null> {
  let checked: Name;
  try {
    checked = parseName(name);
  } catch {
    return null; // a name that cannot be said is not told of
  }
  try {
    return await dir.stat(checked);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}
