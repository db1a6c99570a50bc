import { asCausewayError } from '../../base/errors.ts';
import { joinAbsolute, parseName, splitAbsolute } from '../../base/path.ts';
import type { PathPlace } from '../../base/path_place.ts';
import type { Stat } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';

type DiskOf = Pick<World, 'disk'>;

const ANCESTORS_MAX = 2_048;
/** As Linux: more links than that on one path are a loop. */
const LINKS_MAX = 40;

/** Which file or folder it is, whatever path leads there. */
export function fileId({ deviceId, inode }: Stat): string {
  return `${deviceId}:${inode}`;
}

/** The folder and all above it, up to the root, each by its identity: no link in a path hides where it is. Empty for none. */
export async function chainOf({ disk }: DiskOf, folder: string): Promise<string[]> {
  const chain: string[] = [];
  for (let at = folder; chain.length < ANCESTORS_MAX; at = joinAbsolute(at, '..')) {
    const stat = await disk.statPath(at);
    if (stat === null) break;
    const id = fileId(stat);
    if (id === chain.at(-1)) break; // the root is its own parent
    chain.push(id);
  }
  return chain;
}

/**
 * Where a plain path of this machine leads at this moment: what it names and the folders that this really lies in. Of
 * what does not exist yet the part that does; a path that cannot be seen, or goes in a circle, lies in nothing.
 */
export async function placeOf(world: DiskOf, path: string): Promise<PathPlace> {
  const names = path.split('/').filter((name) => name !== '');
  const prefixes: (string | null)[] = [];
  let existing = '/';
  for (let count = 0; count <= names.length; count += 1) {
    const prefix = `/${names.slice(0, count).join('/')}`;
    const stat = await seen(world, prefix);
    if (stat === 'unseen') return { prefixes, chain: [] };
    prefixes.push(stat && fileId(stat));
    if (stat === null) break;
    existing = prefix;
  }
  return { prefixes, chain: await chainAt(world, existing) };
}

async function seen({ disk }: DiskOf, path: string): Promise<Stat | null | 'unseen'> {
  try {
    return await disk.statPath(path);
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code === 'CW_DISK_SYMLINK' || code === 'CW_DISK_PERMISSION') return 'unseen';
    throw failure;
  }
}

async function chainAt(world: DiskOf, path: string): Promise<string[]> {
  const stat = await world.disk.statPath(path);
  if (stat === null) return [];
  if (stat.kind === 'directory') return chainOf(world, path);
  const real = await withoutLink(world, path);
  return real === null ? [] : [fileId(stat), ...(await chainOf(world, splitAbsolute(real).folder))];
}

/** The path of a file whose last component is no link; null where that cannot be seen. */
async function withoutLink({ disk }: DiskOf, path: string): Promise<string | null> {
  let at = path;
  try {
    for (let followed = 0; followed <= LINKS_MAX; followed += 1) {
      const { folder, name } = splitAbsolute(at);
      await using dir = await disk.openRoot(folder);
      const { kind } = await dir.stat(parseName(name));
      if (kind !== 'symlink') return at;
      const target = await dir.readLink(parseName(name));
      at = target.startsWith('/') ? target : joinAbsolute(folder, target);
    }
  } catch (failure) {
    if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
  }
  return null;
}
