const FOLDERS_MAX = 256;
/** So many different files of a folder have to be read before the others are fetched. */
const READ_FILES_NEEDED = 3;
/** Reads that are further apart do not belong together. */
const APART_MAX_MS = 2_000;
/** A file up to this size is small. */
export const SMALL_FILE_MAX_BYTES = 128 * 1024;
/** Small files of one folder that are fetched at a time. */
const BATCH_MAX_FILES = 64;
const BATCH_MAX_BYTES = 2 * 1024 * 1024;
/** Of the files fetched so, this part at least has to be read, or the folder is left alone. */
const USED_SHARE_NEEDED = 0.9;
const MISSES_ALLOWED = 4;

export interface SmallFile {
  readonly file: number;
  readonly sizeBytes: number;
}

interface Folder {
  readonly read: Set<number>;
  /** Fetched ahead and not read yet. */
  readonly fetched: Set<number>;
  fetchedCount: number;
  /** The listing is not looked at before so many files were read. */
  lookFrom: number;
  lastMs: number;
}

/**
 * Small files that are read one after the other, folder by folder, as searches and builds do: once three of a folder were
 * read, those that come next in its listing are fetched, at first as many as were read, then twice as many.
 */
export class FolderAhead {
  /** Least recently used first. */
  readonly #folders = new Map<number, Folder>();

  /**
   * Notes that a small file was read. `listing` is asked for only where something may be fetched: the small files of the
   * folder in the order in which they are listed. The files to fetch.
   */
  onFile(
    folder: number,
    file: number,
    nowMs: number,
    listing: () => readonly SmallFile[],
  ): readonly number[] {
    const known = this.#folderOf(folder, nowMs);
    known.read.add(file);
    known.fetched.delete(file);
    known.lastMs = nowMs;
    const unread = known.fetched.size;
    const used = known.fetchedCount - unread;
    const isEnough = unread > used / 2 + MISSES_ALLOWED || unread > BATCH_MAX_FILES / 2;
    if (known.read.size < known.lookFrom || isEnough) return [];
    return this.#choose(known, file, listing());
  }

  /** The folder changed, or is gone. */
  forget(folder: number): void {
    this.#folders.delete(folder);
  }

  #choose(known: Folder, file: number, listing: readonly SmallFile[]): readonly number[] {
    const at = listing.findIndex((one) => one.file === file);
    if (at < 0 || !isInOrder(known, listing, at)) {
      known.lookFrom = known.read.size * 2;
      return [];
    }
    const chosen: number[] = [];
    let bytes = 0;
    const countMax = Math.min(BATCH_MAX_FILES, known.read.size);
    for (const next of listing.slice(at + 1)) {
      if (known.read.has(next.file) || known.fetched.has(next.file)) continue;
      bytes += next.sizeBytes;
      if (next.sizeBytes > SMALL_FILE_MAX_BYTES || bytes > BATCH_MAX_BYTES || chosen.length >= countMax)
        break;
      chosen.push(next.file);
    }
    for (const next of chosen) known.fetched.add(next);
    known.fetchedCount += chosen.length;
    return chosen;
  }

  #folderOf(folder: number, nowMs: number): Folder {
    const known = this.#folders.get(folder);
    this.#folders.delete(folder);
    if (known !== undefined && nowMs - known.lastMs <= APART_MAX_MS) {
      this.#folders.set(folder, known);
      return known;
    }
    if (this.#folders.size >= FOLDERS_MAX) this.#folders.delete(this.#folders.keys().next().value!);
    const [read, fetched] = [new Set<number>(), new Set<number>()];
    const fresh: Folder = { read, fetched, fetchedCount: 0, lookFrom: READ_FILES_NEEDED, lastMs: nowMs };
    this.#folders.set(folder, fresh);
    return fresh;
  }
}

/** Whether nearly all before this file in the listing was read, back to the first that was. */
function isInOrder(known: Folder, listing: readonly SmallFile[], at: number): boolean {
  const before = listing.slice(0, at + 1);
  const first = before.findIndex(({ file }) => known.read.has(file));
  const span = before.slice(first);
  const read = span.filter(({ file }) => known.read.has(file)).length;
  return read >= READ_FILES_NEEDED && read >= span.length * USED_SHARE_NEEDED;
}
