import type { Dir, EntryKind } from './disk.ts';

/** What tells a file with several names. */
export interface ScannedLinks {
  readonly linkCount: number;
}

/** An entry of a folder as a scan shows it: one object for all of them, valid until the next one is shown. */
export interface ScannedEntry extends ScannedLinks {
  readonly name: string;
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** Whole seconds since 1970 UTC of the last change of content. */
  readonly mtimeS: number;
  /** The same in nanoseconds, and of any change. */
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Of its inode, as the `id` of a tree's node. */
  readonly id: string;
  /** Whether it has an extended attribute of that name, or may have it. */
  hasXattr(name: string): boolean;
}

/** Entries of folders with what there is to know of them, by as little work for each as goes. For threads. */
export interface FolderScan {
  /**
   * Shows the next entries of an open folder, from where the last scan of that handle ended, until `visit` says no more or
   * all were shown, which it tells. Left out: names that are no valid UTF-8, and what is gone already. Symlinks are not
   * followed. Whoever scans has the handle alone. CW_DISK_*.
   */
  scan(dir: Dir, visit: (entry: ScannedEntry) => boolean): boolean;
}
