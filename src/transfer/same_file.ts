import type { Stat } from '../world/disk.ts';
import type { FileState } from '../world/whole_files.ts';

/** A file is the planned one while size, times and inode are: writing changes mtime and ctime, replacing the inode. */
export function sameFile(stat: Stat, planned: FileState): boolean {
  return (
    stat.kind === 'file' &&
    stat.sizeBytes === planned.sizeBytes &&
    stat.mtimeNs === planned.mtimeNs &&
    stat.ctimeNs === planned.ctimeNs &&
    stat.inode === planned.inode
  );
}
