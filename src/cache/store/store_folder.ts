import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { parseName } from '../../base/path.ts';
import type { Dir, Disk } from '../../world/disk.ts';
import { removed } from './index_log.ts';

const FILES = ['blocks', 'index', 'index.new', 'warm', 'warm.new'];

/** Opens the folder of a store, and makes it where it is missing. CW_DISK_*. */
export async function openStoreFolder(
  disk: Pick<Disk, 'openRoot'>,
  folder: string,
  name: string,
): Promise<Dir> {
  const parent = await disk.openRoot(folder);
  try {
    await parent.makeDir(parseName(name), 0o700).catch((failure: unknown) => {
      if (!(failure instanceof CausewayError) || failure.code !== 'CW_DISK_EXISTS') throw failure;
    });
    return await parent.openDir(parseName(name));
  } finally {
    await parent.close();
  }
}

/** Removes it with all that a store has left there. CW_DISK_*. */
export async function eraseStoreFolder(
  disk: Pick<Disk, 'openRoot'>,
  folder: string,
  name: string,
): Promise<void> {
  const parent = await disk.openRoot(folder);
  try {
    const dir = await parent.openDir(parseName(name));
    try {
      for (const one of FILES) await removed(dir, one);
    } finally {
      await dir.close();
    }
    await parent.removeDir(parseName(name));
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  } finally {
    await parent.close();
  }
}
