import type { Stat } from '../world/disk.ts';

/** What tells one state of a file from another without reading it. */
export interface FileState {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: string;
}

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
