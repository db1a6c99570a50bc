import { CausewayError } from '../../base/errors.ts';
import { joinRel, type RelPath } from '../../base/path.ts';
import type { DirCache } from '../../tree/dir_cache.ts';
import type { Stat } from '../../world/disk.ts';

export interface Below {
  readonly path: RelPath;
  readonly stat: Stat;
}

/**
 * Everything below the folder at `path`, each folder after what it holds. Nothing is followed, and no other file system
 * entered. Throws CW_DISK_NAME for a name that cannot be used, CW_DISK_CROSS_DEVICE where another one is mounted.
 */
export async function* below(dirs: DirCache, path: RelPath): AsyncGenerator<Below> {
  const found: Below[] = await dirs.use(path, async (dir) => {
    const { deviceId } = await dir.self();
    const children: Below[] = [];
    for await (const { name, rawName } of dir.list()) {
      if (name === null)
        throw new CausewayError('CW_DISK_NAME', `the name ${rawName} in ${path} is not valid UTF-8`);
      const stat = await dir.stat(name);
      if (stat.deviceId !== deviceId)
        throw new CausewayError(
          'CW_DISK_CROSS_DEVICE',
          `another file system is mounted at ${joinRel(path, name)}`,
        );
      children.push({ path: joinRel(path, name), stat });
    }
    return children;
  });
  for (const child of found) {
    if (child.stat.kind === 'directory') yield* below(dirs, child.path);
    yield child;
  }
}

/** What an entry and all below it take from the device. */
export async function allocatedBytes(dirs: DirCache, { path, stat }: Below): Promise<number> {
  if (stat.kind !== 'directory') return stat.kind === 'file' ? stat.allocatedBytes : 0;
  let bytes = 0;
  for await (const entry of below(dirs, path))
    if (entry.stat.kind === 'file') bytes += entry.stat.allocatedBytes;
  return bytes;
}

/** Removes an entry and all below it. Not stable yet when it resolves. */
export async function removeAll(dirs: DirCache, { path, stat }: Below): Promise<void> {
  if (stat.kind === 'directory') for await (const entry of below(dirs, path)) await removeOne(dirs, entry);
  await removeOne(dirs, { path, stat });
}

async function removeOne(dirs: DirCache, { path, stat }: Below): Promise<void> {
  if (stat.kind === 'directory') dirs.forget(path);
  await dirs.useParent(path, (dir, name) =>
    stat.kind === 'directory' ? dir.removeDir(name) : dir.removeFile(name),
  );
}
