import type { Name } from '../base/path.ts';
import type { DirCaps, FileCaps } from './disk_caps.ts';

export type EntryKind = 'file' | 'directory' | 'symlink' | 'other';

/** What an entry of kind `other` is; device numbers are 0 but for devices. */
export interface SpecialFile {
  readonly type: 'fifo' | 'socket' | 'characterDevice' | 'blockDevice' | 'unknown';
  readonly major: number;
  readonly minor: number;
}

/** What a file system says of an entry. Times in nanoseconds since 1970 UTC. */
export interface Stat {
  readonly kind: EntryKind;
  /** Set where `kind` is `other`. */
  readonly special: SpecialFile | null;
  readonly sizeBytes: number;
  /** What it takes on the device; less than its size where a file has holes or is compressed. */
  readonly allocatedBytes: number;
  readonly userId: number;
  readonly groupId: number;
  /** Permission bits (0o7777). */
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Device and inode, as text because they may pass 2^53. */
  readonly deviceId: string;
  readonly inode: string;
  readonly linkCount: number;
  /** When the inode was made: tells it from the one that had its number before. Absent where that is not told. */
  readonly birthNs?: bigint;
}

/** What {@link DirEntries.list} yields. `name` is null where the name is not valid UTF-8; `rawName` then shows it escaped, for reports. */
export interface DirEntry {
  readonly name: Name | null;
  readonly rawName: string;
  readonly kind: EntryKind;
}

/** What is absent stays as it is. A change of owner or group takes away setuid and setgid; a mode given with it is set after. */
export interface AttrPatch {
  readonly userId?: number;
  readonly groupId?: number;
  readonly mode?: number;
  readonly mtimeNs?: bigint;
}

export interface SpaceInfo {
  /** Bytes an unprivileged writer may still use. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly fileSystem: string;
  readonly readOnly: boolean;
}

/**
 * An open file. `read` gives 0 at the end of the file; both `read` and `write` may move fewer bytes than asked.
 * Errors are CW_DISK_*.
 */
export interface DiskFile extends AsyncDisposable {
  readonly caps: FileCaps;
  read(into: Uint8Array, offset: number): Promise<number>;
  write(bytes: Uint8Array, offset: number): Promise<number>;
  stat(): Promise<Stat>;
  truncate(sizeBytes: number): Promise<void>;
  /** fdatasync: data and size are stable when it resolves. */
  datasync(): Promise<void>;
  setAttrs(patch: AttrPatch): Promise<void>;
  close(): Promise<void>;
}

/**
 * `read`: an existing regular file. `create`: a new file, fails with CW_DISK_EXISTS. `write`: an existing file, for
 * reading and writing. `append`: created where missing, reads anywhere, writes at the offset given.
 */
export type OpenMode = 'read' | 'create' | 'write' | 'append';

/** Reading below an open directory. No call follows a symlink in the last component; a name is one component. */
export interface DirEntries {
  list(): AsyncIterable<DirEntry>;
  stat(name: Name): Promise<Stat>;
  readLink(name: Name): Promise<string>;
  openFile(name: Name, mode: OpenMode, permission?: number): Promise<DiskFile>;
  /** Opens a directory below this one; CW_DISK_SYMLINK or CW_DISK_NOT_DIRECTORY for anything else. */
  openDir(name: Name): Promise<Dir>;
}

/** Changing entries of an open directory. */
export interface DirChanges {
  makeDir(name: Name, permission?: number): Promise<void>;
  makeSymlink(name: Name, target: string): Promise<void>;
  /** Atomic; replaces a file or an empty directory of the same kind. CW_DISK_CROSS_DEVICE between file systems. */
  rename(name: Name, toDir: Dir, toName: Name): Promise<void>;
  removeFile(name: Name): Promise<void>;
  removeDir(name: Name): Promise<void>;
  /** Sets owner, mode and time of an entry without following a symlink (of a symlink the mode is not set). */
  setAttrs(name: Name, patch: AttrPatch): Promise<void>;
}

/** An open directory. Every path is resolved from one, component by component, so that a swapped symlink leads nowhere. */
export interface Dir extends DirEntries, DirChanges, AsyncDisposable {
  readonly caps: DirCaps;
  self(): Promise<Stat>;
  space(): Promise<SpaceInfo>;
  /** fsync of the directory: renames, creations and removals in it are stable when it resolves. */
  sync(): Promise<void>;
  /** Flushes the whole file system (syncfs); false where the platform cannot, then every file must be flushed alone. */
  syncFileSystem(): Promise<boolean>;
  /** A second handle on the same directory, closed separately. */
  clone(): Promise<Dir>;
  close(): Promise<void>;
}

export interface Disk {
  /**
   * Opens the directory at an absolute path of the machine; symlinks on the way are followed, since the path comes
   * from the machine's own user, never from a peer's tree. CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY, CW_DISK_PERMISSION.
   */
  openRoot(absolutePath: string): Promise<Dir>;
  /** Follows symlinks; null where nothing is there. */
  statPath(absolutePath: string): Promise<Stat | null>;
  /** The same where it is known without waiting; null where it is not, or nothing is there. Absent where that is never so. */
  cachedStat?(absolutePath: string): Stat | null;
}
