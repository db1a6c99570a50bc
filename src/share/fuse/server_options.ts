import { CausewayError } from '../../base/errors.ts';
import type { MountHello } from '../../wire/mount_messages.ts';
import type { FolderServerOptions } from '../../world/mounts.ts';
import type { World } from '../../world/world.ts';

/** Ids of files are below 2^53; so many are given by one server at most. */
const IDS = 2 ** 22;
const BASES = 2 ** 30;

/** What is to be served, and how far the other machine is trusted. */
export interface ServedFolder {
  readonly folder: string;
  readonly readOnly: boolean;
  readonly numericIds: boolean;
  readonly asRoot: boolean;
  readonly cacheMs: number;
}

/**
 * As whom a folder is served: as this process; where that is root, as the owner of the folder, and as root only where that
 * was said. CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY, CW_MOUNT_ROOT, CW_UNSUPPORTED.
 */
export async function serverOptions(
  world: Pick<World, 'disk' | 'process' | 'random'>,
  { folder, readOnly, numericIds, asRoot, cacheMs }: ServedFolder,
  { owner: shown, hears = false, folders = false }: MountHello,
): Promise<FolderServerOptions> {
  const stat = await world.disk.statPath(folder);
  if (stat === null) throw new CausewayError('CW_DISK_NOT_FOUND', `${folder} does not exist`);
  if (stat.kind !== 'directory') throw new CausewayError('CW_DISK_NOT_DIRECTORY', `${folder} is no folder`);
  const isRoot = world.process.info.userId === 0;
  if (numericIds && !isRoot)
    throw new CausewayError('CW_UNSUPPORTED', 'users of another machine can be told apart by root only');
  if (isRoot && !numericIds && !asRoot && stat.userId === 0)
    throw new CausewayError('CW_MOUNT_ROOT', `${folder} belongs to root`);
  const isOwners = isRoot && !numericIds && stat.userId !== 0;
  return {
    folder,
    readOnly,
    shownOwner: numericIds ? null : shown,
    actAs: isOwners ? { userId: stat.userId, groupId: stat.groupId } : null,
    idBase: (1 + (world.random.u32() % BASES)) * IDS,
    cacheMs,
    quota: null,
    tells: hears,
    tellsFolders: hears && folders,
    records: null,
    leases: null,
  };
}
