import { diskError } from './failure.ts';
import type { DirInode, Inode } from './inode.ts';
import { isDir } from './stability.ts';

/** Throws where rename(2) would refuse to put `inode` in the place of `replaced` in `target`. */
export function checkRename(
  inode: Inode,
  target: DirInode,
  replaced: Inode | undefined,
  toName: string,
): void {
  if (isDir(inode) && isInside(target, inode)) throw diskError('CW_DISK_NAME', toName);
  if (!replaced || replaced === inode) return;
  if (isDir(inode) && !isDir(replaced)) throw diskError('CW_DISK_NOT_DIRECTORY', toName);
  if (!isDir(inode) && isDir(replaced)) throw diskError('CW_DISK_IS_DIRECTORY', toName);
  if (isDir(replaced) && replaced.entries.size > 0) throw diskError('CW_DISK_NOT_EMPTY', toName);
}

function isInside(dir: DirInode, ancestor: DirInode): boolean {
  for (let at: DirInode | null = dir; at !== null; at = at.parent) if (at === ancestor) return true;
  return false;
}
