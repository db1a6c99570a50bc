import { asCausewayError, CausewayError } from '../base/errors.ts';
import { type RelPath, splitRel } from '../base/path.ts';
import { formatBytes } from '../base/units.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry, Problem } from '../wire/copy_types.ts';
import type { Dir, Stat } from '../world/disk.ts';
import type { PartialStore } from './partial_store.ts';
import type { StageMeter } from './stage_meter.ts';
import { fileKeyOf, partialName } from './temporary_name.ts';

/** A planned entry and where it goes. */
export interface Placed {
  readonly entry: PlanEntry;
  readonly target: RelPath;
}

/** Largest file of file systems that have a limit a user meets. */
const LARGEST_FILE: Readonly<Record<string, number>> = { vfat: 2 ** 32 - 1, msdos: 2 ** 32 - 1 };

/** Free space that is left to others. */
const SPACE_MARGIN_BYTES = 1024 * 1024;

/**
 * Looks whether the destination can take the copy at all, before anything is made there.
 * Throws CW_COPY_DEST_READ_ONLY, CW_COPY_NO_SPACE, CW_COPY_TOO_LARGE.
 */
export async function preflight(
  root: Dir,
  folder: string,
  files: Iterable<PlanEntry>,
  neededBytes: number,
): Promise<number> {
  const space = await root.space();
  if (space.readOnly)
    throw new CausewayError('CW_COPY_DEST_READ_ONLY', `${folder} is on a read-only file system`);
  const largest = LARGEST_FILE[space.fileSystem];
  if (largest !== undefined) {
    for (const file of files) {
      if (file.sizeBytes <= largest) continue;
      throw new CausewayError(
        'CW_COPY_TOO_LARGE',
        `${file.path} has ${formatBytes(file.sizeBytes)}, ${space.fileSystem} at ${folder} holds files up to ${formatBytes(largest)}`,
      );
    }
  }
  if (neededBytes > 0 && neededBytes + SPACE_MARGIN_BYTES > space.freeBytes) {
    throw new CausewayError(
      'CW_COPY_NO_SPACE',
      `${folder} has ${formatBytes(space.freeBytes)} free, the copy needs ${formatBytes(neededBytes)}`,
    );
  }
  return space.freeBytes;
}

/** Makes the folders of the plan, parents first, and flushes their names. Gives the problem of each that cannot be made. */
export async function makeFolders(
  dirs: DirCache,
  folders: readonly Placed[],
  meter: StageMeter,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const parents = new Set<RelPath>();
  for (const { entry, target } of folders) {
    try {
      const isNew = await meter.run('publish', 0, () => makeFolder(dirs, target));
      if (isNew) parents.add(splitRel(target).parent);
      meter.goesOn();
    } catch (failure) {
      const error = asCausewayError(failure);
      problems.push({ path: entry.path, code: error.code, message: error.message });
    }
  }
  await meter.run('publish', 0, () => syncAll(dirs, parents, meter));
  return problems;
}

async function syncAll(dirs: DirCache, parents: Iterable<RelPath>, meter: StageMeter): Promise<void> {
  for (const parent of parents) {
    await dirs.use(parent, (dir) => dir.sync());
    meter.goesOn();
  }
}

/** True when the folder was made, false when it was there. */
async function makeFolder(dirs: DirCache, target: RelPath): Promise<boolean> {
  if (target === '') return false;
  return dirs.useParent(target, async (dir, name) => {
    try {
      await dir.makeDir(name, 0o700);
      return true;
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
    }
    const stat = await dir.stat(name);
    if (stat.kind === 'directory') return false;
    throw new CausewayError(
      'CW_COPY_KIND',
      `a ${stat.kind} stands at the destination where the source has a folder`,
    );
  });
}

/** Puts symlinks in place, each under a temporary name first. Gives the problem of each that cannot be made. */
export async function makeSymlinks(
  dirs: DirCache,
  store: PartialStore,
  links: readonly Placed[],
  meter: StageMeter,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const parents = new Set<RelPath>();
  for (const link of links) {
    try {
      const isNew = await meter.run('publish', 0, () => makeSymlink(dirs, store, link));
      if (isNew) parents.add(splitRel(link.target).parent);
      meter.goesOn();
    } catch (failure) {
      const error = asCausewayError(failure);
      problems.push({ path: link.entry.path, code: error.code, message: error.message });
    }
  }
  await meter.run('publish', 0, () => syncAll(dirs, parents, meter));
  return problems;
}

async function makeSymlink(dirs: DirCache, store: PartialStore, { entry, target }: Placed): Promise<boolean> {
  return dirs.useParent(target, async (dir, name) => {
    const there = await statOrNull(dir, name);
    if (
      there?.kind === 'symlink' &&
      (await dir.readLink(name)) === entry.linkTarget &&
      there.mtimeNs === entry.mtimeNs
    )
      return false;
    if (there?.kind === 'directory')
      throw new CausewayError(
        'CW_COPY_KIND',
        'a folder stands at the destination where the source has a symbolic link',
      );
    const temporary = partialName(fileKeyOf(target));
    if (await statOrNull(store.dir, temporary)) await store.dir.removeFile(temporary);
    await store.dir.makeSymlink(temporary, entry.linkTarget);
    await store.dir.setAttrs(temporary, { mtimeNs: entry.mtimeNs });
    await store.dir.rename(temporary, dir, name);
    return true;
  });
}

/** Gives the folders their modes and times, deepest first, since what is made in a folder changes its time. */
export async function finishFolders(
  dirs: DirCache,
  folders: readonly Placed[],
  meter: StageMeter,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { entry, target } of [...folders].reverse()) {
    if (target === '') continue;
    try {
      dirs.forget(target);
      await meter.run('publish', 0, () =>
        dirs.useParent(target, (dir, name) =>
          dir.setAttrs(name, { mode: entry.mode, mtimeNs: entry.mtimeNs }),
        ),
      );
      meter.goesOn();
    } catch (failure) {
      const error = asCausewayError(failure);
      problems.push({ path: entry.path, code: error.code, message: error.message });
    }
  }
  return problems;
}

async function statOrNull(dir: Dir, name: Parameters<Dir['stat']>[0]): Promise<Stat | null> {
  try {
    return await dir.stat(name);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}
