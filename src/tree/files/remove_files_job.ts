import { asCausewayError } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import type { Job } from '../../world/offload.ts';
import { openBelow } from './put_file_job.ts';

/**
 * Removes files and symlinks of a folder, and flushes the folder once. Which of them are gone; why others are not is told where they
 * are removed one by one. CW_DISK_* for the folder.
 */
export const removeFilesJob: Job<
  { readonly root: Dir; readonly folder: readonly Name[]; readonly names: readonly Name[] },
  readonly Name[]
> = {
  name: 'remove-files',
  async run({ root, folder, names }) {
    await using dir = await openBelow(root, folder);
    const gone: Name[] = [];
    for (const name of names) if (await isRemoved(dir, name)) gone.push(name);
    if (gone.length > 0) await dir.sync();
    return gone;
  },
};

async function isRemoved(dir: Dir, name: Name): Promise<boolean> {
  try {
    await dir.removeFile(name);
    return true;
  } catch (failure) {
    asCausewayError(failure);
    return false;
  }
}
