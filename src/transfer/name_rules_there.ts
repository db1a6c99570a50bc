import { toHex } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { type Name, parseName, type RelPath } from '../base/path.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import { usualNameRules } from '../tree/names/name_rules.ts';
import type { Dir } from '../world/disk.ts';
import type { World } from '../world/world.ts';
import { PARTIAL_FOLDER } from './destination.ts';
import { empty, type FoundRules, probeNamesJob } from './name_probe.ts';
import { makeIfMissing, removeFolderIfEmpty } from './partial_store.ts';

const FOLDER = parseName(PARTIAL_FOLDER);

/**
 * Which names a destination takes, tried out in a folder that is made in it and removed again. Where nothing can be tried,
 * what its file system usually takes: the copy finds out soon enough why not. `isLeft`: the folder may be there still.
 */
export async function probeFolder(
  root: Dir,
  transferId: Uint8Array,
  { offload, process }: Pick<World, 'offload' | 'process'>,
): Promise<FoundRules & { readonly isLeft: boolean }> {
  const name = probeName(transferId);
  try {
    await makeIfMissing(root, FOLDER);
    await using folder = await root.openDir(FOLDER);
    await makeIfMissing(folder, name);
    try {
      await using dir = await folder.openDir(name);
      return { ...(await offload.run(probeNamesJob, { dir })), isLeft: false };
    } finally {
      await removeProbe(folder, name);
    }
  } catch (failure) {
    if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
    const rules = usualNameRules(process.info.platform, (await root.space()).fileSystem);
    return { rules, keepsCase: true, isLeft: true };
  } finally {
    await removeFolderIfEmpty(root).catch(() => undefined); // what is wrong with it is told when the copy makes it again
  }
}

/** Removes what could not be removed when it was tried. What a power cut leaves is removed by the next attempt. */
export async function removeLeftProbe(root: Dir, transferId: Uint8Array): Promise<void> {
  try {
    await using folder = await root.openDir(FOLDER);
    await removeProbe(folder, probeName(transferId));
    await folder.sync();
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
  await removeFolderIfEmpty(root);
}

function probeName(transferId: Uint8Array): Name {
  return parseName(`names-${toHex(transferId)}`);
}

async function removeProbe(folder: Dir, name: Name): Promise<void> {
  {
    await using dir = await folder.openDir(name);
    await empty(dir);
  }
  await folder.removeDir(name);
}

/** The names in a folder of the destination; none where there is no such folder. */
export async function namesIn(dirs: DirCache, folder: RelPath): Promise<string[]> {
  try {
    return await dirs.use(folder, async (dir) => {
      const names: string[] = [];
      for await (const { rawName } of dir.list()) names.push(rawName);
      return names;
    });
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (['CW_DISK_NOT_FOUND', 'CW_DISK_NOT_DIRECTORY', 'CW_DISK_SYMLINK'].includes(code)) return [];
    throw failure;
  }
}
