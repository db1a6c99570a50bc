import type { Name } from '../base/path.ts';
import type { CachedEntries } from './cached_entries.ts';
import type { Dir, DiskFile } from './disk.ts';

/*
 * What a file system may offer beyond names, bytes, modes and times. A member of the caps is null where the platform has no
 * such call. Where it has, the file system in question may still refuse: then the call rejects with CW_UNSUPPORTED, and the
 * caller does without, as for null. Calls act in the calling thread: long ones belong into an offloaded job.
 */

/** Holes of an open file. */
export interface FileRanges {
  /** The first byte at or behind `offset` that is not in a hole; null where none is up to the end of the file. */
  seekData(offset: number): Promise<number | null>;
  /**
   * The first byte at or behind `offset` that is in a hole; the end of the file counts as one. Null where `offset` is at
   * the end or behind it. What a file system calls a hole reads as zeros, if it is right: check before relying on it.
   */
  seekHole(offset: number): Promise<number | null>;
  /** Makes the range zeros and frees its whole blocks; the size stays. The range lies within the file. */
  punchHole(offset: number, lengthBytes: number): Promise<void>;
  /** Reserves the blocks of the range, so that writes there do not meet a full disk: content and size stay. CW_DISK_FULL. The range lies within the file. */
  allocate(offset: number, lengthBytes: number): Promise<void>;
}

/** Copies between files of one machine whose bytes never pass this process. */
export interface RangeCopies {
  /**
   * copy_file_range(2): copies at most `lengthBytes`; the count copied, 0 at the end of `from`. CW_DISK_CROSS_DEVICE or
   * CW_UNSUPPORTED where the file systems cannot: read and write then.
   */
  copyRange(from: DiskFile, fromOffset: number, toOffset: number, lengthBytes: number): Promise<number>;
  /**
   * Lets the range share the blocks of `from`, in whole or not at all (FICLONERANGE). Offsets and length are multiples of
   * the block size, but that the range may end where both files end. CW_UNSUPPORTED where the file system cannot share,
   * or not this range; CW_DISK_CROSS_DEVICE.
   */
  reflink(from: DiskFile, fromOffset: number, toOffset: number, lengthBytes: number): Promise<void>;
}

/** Extended attributes of one entry, POSIX ACLs among them (`system.posix_acl_access`, `system.posix_acl_default`). */
export interface XattrStore {
  /** Names with their namespace (`user.mime_type`), in no order. CW_DISK_NAME where one is not valid UTF-8. */
  list(): Promise<string[]>;
  /** Null where there is none of that name. */
  get(name: string): Promise<Uint8Array | null>;
  /** Creates or replaces. CW_DISK_PERMISSION, and CW_UNSUPPORTED for a namespace or a size that the file system does not take. */
  set(name: string, value: Uint8Array): Promise<void>;
  /** False where there was none of that name. */
  remove(name: string): Promise<boolean>;
}

export interface HardLinks {
  /**
   * Gives the file `name` of this folder a second name; a symlink is linked itself. CW_DISK_EXISTS, CW_DISK_CROSS_DEVICE,
   * CW_DISK_PERMISSION (folders, file systems without hard links), CW_UNSUPPORTED (too many names).
   */
  link(name: Name, toDir: Dir, toName: Name): Promise<void>;
}

/** What the system keeps of an open file in memory. */
export interface PageCache {
  /** Bytes of the range in memory; null where the system does not tell. */
  cachedBytes(offset: number, lengthBytes: number): Promise<number | null>;
  /** Gives memory back that holds bytes of the range, as far as they are flushed; a length of 0 means up to the end. */
  drop(offset: number, lengthBytes: number): Promise<void>;
}

export interface FileCaps {
  readonly ranges: FileRanges | null;
  readonly copies: RangeCopies | null;
  readonly xattrs: XattrStore | null;
  readonly cache: PageCache | null;
}

export interface DirCaps {
  readonly links: HardLinks | null;
  /** Whether entries have an owner and a group that {@link AttrPatch} can set; who is not root may not give files away. */
  readonly owners: boolean;
  /** Attributes of an entry of the folder, of a symlink its own; null as said above. */
  xattrsOf(name: Name): XattrStore | null;
  /** Attributes of the folder itself; null as said above. */
  readonly ownXattrs: XattrStore | null;
  /** The same folder opened anew, so that a list of it has a place of its own; null where no thread lists folders. */
  readonly again: (() => Promise<Dir>) | null;
  /** What is in memory of all that is below; it ends with the folder. Absent, or gives null, where nothing can be told so. */
  readonly cached?: () => Promise<CachedEntries | null>;
}

/** Of a file that is passed on without its capabilities. */
export const NO_FILE_CAPS: FileCaps = { ranges: null, copies: null, xattrs: null, cache: null };

/** Of a folder that is passed on without its capabilities. */
export const NO_DIR_CAPS: DirCaps = {
  links: null,
  owners: false,
  xattrsOf: () => null,
  ownXattrs: null,
  again: null,
};
