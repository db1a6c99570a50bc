import { CausewayError } from '../base/errors.ts';
import { chainOf, fileId } from '../tree/listing/path_place.ts';
import type { Stat } from '../world/disk.ts';
import type { World } from '../world/world.ts';

/** Folders of the system: neither they nor what lies below is shared unless it is meant. */
const SYSTEM_FOLDERS = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/proc',
  '/sbin',
  '/sys',
  '/usr',
  '/System',
  '/Library',
  '/private/etc',
];
/** These alone, and what lies right below the second kind: homes. */
const EXACT_FOLDERS = [
  '/',
  '/var',
  '/var/lib',
  '/run',
  '/opt',
  '/srv',
  '/mnt',
  '/media',
  '/home',
  '/Users',
  '/root',
  '/tmp',
];
const HOMES = ['/home', '/Users'];
async function idsOf(world: Pick<World, 'disk'>, paths: readonly string[]): Promise<Set<string>> {
  const stats = await Promise.all(paths.map((path) => world.disk.statPath(path)));
  return new Set(stats.filter((stat) => stat !== null).map(fileId));
}

/** The folder as it is now. CW_SHARE_SOURCE where there is none. */
export async function statSource(world: Pick<World, 'disk'>, source: string): Promise<Stat> {
  const stat = world.disk.cachedStat?.(source) ?? (await world.disk.statPath(source));
  if (stat === null) throw new CausewayError('CW_SHARE_SOURCE', `${source} does not exist`);
  if (stat.kind !== 'directory') throw new CausewayError('CW_SHARE_SOURCE', `${source} is no folder`);
  return stat;
}

/**
 * Refuses what nobody shares on purpose: the root, homes, system folders; unless `isMeant`. What holds this daemon's own
 * keys is refused in any case. CW_SHARE_REFUSED, CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY.
 */
export async function checkSource(
  world: Pick<World, 'disk' | 'process'>,
  request: { readonly source: string; readonly dataDirectory: string; readonly isMeant: boolean },
): Promise<Stat> {
  const { source, dataDirectory, isMeant } = request;
  if (!source.startsWith('/'))
    throw new CausewayError('CW_USAGE', `${source}: the absolute path of a folder is needed`);
  const stat = await world.disk.statPath(source);
  if (stat === null) throw new CausewayError('CW_DISK_NOT_FOUND', `${source} does not exist`);
  if (stat.kind !== 'directory') throw new CausewayError('CW_DISK_NOT_DIRECTORY', `${source} is no folder`);
  const own = fileId(stat);
  const chain = await chainOf(world, source);
  const data = await chainOf(world, dataDirectory);
  if (data.includes(own) || chain.includes(data[0] ?? ''))
    throw new CausewayError(
      'CW_SHARE_REFUSED',
      `${source} holds the keys of this daemon, or lies among them`,
    );
  if (isMeant) return stat;
  const exact = await idsOf(world, [...EXACT_FOLDERS, world.process.info.homeDirectory]);
  const deep = await idsOf(world, SYSTEM_FOLDERS);
  const homes = await idsOf(world, HOMES);
  if (exact.has(own) || (chain[1] !== undefined && homes.has(chain[1])))
    throw new CausewayError('CW_SHARE_REFUSED', `${source} is a home, the root, or a folder of the system`);
  if (chain.some((id) => deep.has(id)))
    throw new CausewayError('CW_SHARE_REFUSED', `${source} is or lies in a folder of the system`);
  const hidden = /\/\.(?!\.?(?:\/|$))/.test(source);
  const isInHome = await isBelowHome(world, chain);
  if (hidden && isInHome)
    throw new CausewayError(
      'CW_SHARE_REFUSED',
      `${source} is a hidden folder of a home: keys and settings lie there`,
    );
  return stat;
}

async function isBelowHome({ disk, process }: Pick<World, 'disk' | 'process'>, chain: readonly string[]) {
  const homes = await idsOf({ disk }, [...HOMES, '/root', process.info.homeDirectory]);
  return chain.some((id) => homes.has(id));
}
