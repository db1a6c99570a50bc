import type { Name } from '../../../base/path.ts';
import type { DirEntry } from '../../disk.ts';
import type { Dice } from '../dice.ts';
import type { DirInode } from './inode.ts';

/**
 * The entries of a directory in no useful order, as real file systems give them, but the same in each run. A name
 * with a lone surrogate stands for one that is not valid UTF-8.
 */
export function orderOfListing(dir: DirInode, dice: Dice): DirEntry[] {
  const entries: DirEntry[] = [];
  for (const [name, inode] of dir.entries) {
    const valid = name.isWellFormed();
    entries.push({
      name: valid ? (name as Name) : null,
      rawName: valid ? name : escaped(name),
      kind: inode.kind,
    });
  }
  for (let last = entries.length - 1; last > 0; last -= 1) {
    const other = dice.between(0, last);
    const kept = entries[last] as DirEntry;
    entries[last] = entries[other] as DirEntry;
    entries[other] = kept;
  }
  return entries;
}

function escaped(name: string): string {
  return name.replace(
    /[\ud800-\udfff]/gu,
    (unit) => `\\x${(unit.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`,
  );
}
