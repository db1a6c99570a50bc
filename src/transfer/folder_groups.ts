import { LIMITS } from '../base/limits.ts';
import { isDirectlyIn, type Name, nameBelow, type RelPath, splitRel } from '../base/path.ts';

/** Items in a row whose folders are few enough to have them all open at the same time. */
export interface FolderGroup<T> {
  readonly folders: RelPath[];
  readonly items: { readonly item: T; readonly folder: number; readonly name: Name }[];
}

/** Splits `items` into groups of at most `itemsMax` in at most `foldersMax` folders, in their order. */
export function groupByFolder<T>(
  items: Iterable<T>,
  pathOf: (item: T) => RelPath,
  itemsMax: number = LIMITS.packFilesMax.value,
  foldersMax: number = LIMITS.packFoldersMax.value,
): FolderGroup<T>[] {
  const groups: FolderGroup<T>[] = [];
  let group: FolderGroup<T> = { folders: [], items: [] };
  let known = new Map<RelPath, number>();
  let last: { readonly parent: RelPath; readonly folder: number } | null = null;
  for (const item of items) {
    const path = pathOf(item);
    if (last !== null && group.items.length < itemsMax && isDirectlyIn(path, last.parent)) {
      group.items.push({ item, folder: last.folder, name: nameBelow(path, last.parent) });
      continue;
    }
    const { parent, name } = splitRel(path);
    let folder = known.get(parent);
    const isFull =
      group.items.length >= itemsMax || (folder === undefined && group.folders.length >= foldersMax);
    if (isFull || groups.length === 0) {
      group = { folders: [], items: [] };
      known = new Map();
      groups.push(group);
      folder = undefined;
    }
    if (folder === undefined) {
      folder = group.folders.push(parent) - 1;
      known.set(parent, folder);
    }
    group.items.push({ item, folder, name });
    last = { parent, folder };
  }
  return groups;
}
