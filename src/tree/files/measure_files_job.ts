import { asCausewayError } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import type { FolderScan } from '../../world/folder_scan.ts';
import type { Job } from '../../world/offload.ts';
import { isPrivateName } from './names.ts';
import { openBelow } from './put_file_job.ts';

/**
 * The sizes of all files below a folder, in bytes; a file with several names counts once, symlinks are not followed. Folders that
 * vanish meanwhile count as far as they were read. Null where this thread cannot. CW_DISK_*.
 */
export const measureFilesJob: Job<{ readonly root: Dir }, number | null> = {
  name: 'measure-files',
  async run({ root }, { folders }) {
    if (folders === null) return null;
    const counted = new Set<string>();
    const pending: (readonly Name[])[] = [[]];
    let sum = 0;
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const folder = path;
      await scanned(root, folder, folders, (entry) => {
        const { kind, name } = entry;
        if (kind === 'directory' && !isPrivateName(name)) pending.push([...folder, name as Name]);
        if (kind !== 'file' || isPrivateName(name)) return;
        if (entry.linkCount > 1 && counted.has(entry.id)) return;
        if (entry.linkCount > 1) counted.add(entry.id);
        sum += entry.sizeBytes;
      });
    }
    return sum;
  },
};

type Visit = Parameters<FolderScan['scan']>[1];

async function scanned(
  root: Dir,
  folder: readonly Name[],
  folders: FolderScan,
  visit: (entry: Parameters<Visit>[0]) => void,
): Promise<void> {
  try {
    await using found = await openBelow(root, folder);
    await using own = (await found.caps.again?.()) ?? found; // the place of a scan is that of its descriptor
    folders.scan(own, (entry) => {
      visit(entry);
      return true;
    });
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (folder.length > 0 && (code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_NOT_DIRECTORY')) return;
    throw failure;
  }
}
