import { isDirectlyIn, type RelPath, splitRel } from '../base/path.ts';

/** Folders that a copy has made: nothing of an earlier time stands in them. Keeps the topmost of each tree. */
export class FreshFolders {
  readonly #tops = new Set<RelPath>();
  /** The answer for the folder that was asked for last: entries come folder by folder. */
  #last: { readonly folder: RelPath; readonly isFresh: boolean } | null = null;

  /** Notes a folder that was just made; parents come first. */
  add(folder: RelPath): void {
    this.#last = null;
    if (!this.has(folder)) this.#tops.add(folder);
    this.#last = null;
  }

  /** Whether an entry lies in such a folder. */
  holds(entry: RelPath): boolean {
    const last = this.#last;
    return last !== null && isDirectlyIn(entry, last.folder)
      ? last.isFresh
      : this.has(splitRel(entry).parent);
  }

  /** Whether a folder was made by the copy, or one above it was. */
  has(folder: RelPath): boolean {
    if (this.#last?.folder === folder) return this.#last.isFresh;
    let isFresh = false;
    if (this.#tops.size > 0)
      for (let path = folder; path !== '' && !isFresh; path = splitRel(path).parent)
        isFresh = this.#tops.has(path);
    this.#last = { folder, isFresh };
    return isFresh;
  }
}
