/*
 * The system calls of a POSIX file system as they are: descriptors, names as bytes, errors as numbers. For what passes calls
 * of a kernel on to a folder of this machine; everything else uses `Disk`. Linux.
 *
 * A call never throws: what is negative is the negated errno. Names, buffers and structures are places (offsets) in one
 * piece of memory; a name ends with a NUL. Nothing of a name is checked, and no symlink in the last component is followed.
 */

/** What the calls read and fill. */
export interface PosixMemory {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Where a name of no bytes stands: the descriptor itself is meant. */
  readonly emptyNameAt: number;
}

/** Names below an open folder. */
export interface PosixNames {
  /** openat(2); O_CLOEXEC and O_NOFOLLOW are added. */
  open(dirFd: number, nameAt: number, flags: number, mode: number): number;
  /** The same for an absolute path, whose symlinks are followed. */
  openPath(path: string, flags: number): number;
  /** Opens what a descriptor stands for anew, one of O_PATH too. */
  reopen(fd: number, flags: number): number;
  /** One more descriptor of what is open: what closing it finds wrong is what closing the other one would find. */
  duplicate(fd: number): number;
  makeDir(dirFd: number, nameAt: number, mode: number): number;
  /** mknodat(2); `device` as the kernel packs it. */
  makeNode(dirFd: number, nameAt: number, mode: number, device: number): number;
  makeSymlink(targetAt: number, dirFd: number, nameAt: number): number;
  /** A further name for what `fd` stands for. */
  link(fd: number, dirFd: number, nameAt: number): number;
}

export interface PosixMoves {
  /** renameat2(2). */
  rename(dirFd: number, nameAt: number, toDirFd: number, toNameAt: number, flags: number): number;
  unlink(dirFd: number, nameAt: number): number;
  removeDir(dirFd: number, nameAt: number): number;
}

export interface PosixAttrs {
  /** statx(2) with birth time: 256 bytes at `into`. */
  stat(dirFd: number, nameAt: number, into: number): number;
  /** Of what a descriptor stands for, one of O_PATH too, as in all of these. */
  chmod(fd: number, mode: number): number;
  /** -1 leaves one as it is. */
  chown(fd: number, userId: number, groupId: number): number;
  /** Two `struct timespec` at `timesAt`. */
  setTimes(fd: number, timesAt: number): number;
  truncate(fd: number, sizeBytes: bigint): number;
  /** fstatfs(2): 120 bytes at `into`. */
  statfs(fd: number, into: number): number;
  /** The count of bytes. */
  readLink(fd: number, into: number, sizeBytes: number): number;
}

/** What is done with a descriptor beside other work: all of the file or its data are flushed, or the descriptor is closed. */
export type Settling = 'all' | 'data' | 'close';

export interface PosixData {
  read(fd: number, into: number, sizeBytes: number, offset: bigint): number;
  write(fd: number, from: number, sizeBytes: number, offset: bigint): number;
  /** getdents64(2) from `cookie` on; null goes on where the last call ended. */
  list(fd: number, into: number, sizeBytes: number, cookie: bigint | null): number;
  sync(fd: number, dataOnly: boolean): number;
  allocate(fd: number, mode: number, offset: bigint, lengthBytes: bigint): number;
  seek(fd: number, offset: bigint, whence: number): bigint;
  copyRange(fromFd: number, from: bigint, toFd: number, to: bigint, lengthBytes: bigint): number;
  /** 0, or what the file system finds wrong only now. */
  close(fd: number): number;
}

export interface PosixXattrs {
  /** The count of bytes; with a size of 0 only that. */
  get(fd: number, nameAt: number, into: number, sizeBytes: number): number;
  /** The same of an open file, not one of O_PATH: no way leads over its path. */
  getOpen(fd: number, nameAt: number, into: number, sizeBytes: number): number;
  list(fd: number, into: number, sizeBytes: number): number;
  set(fd: number, nameAt: number, from: number, sizeBytes: number, flags: number): number;
  remove(fd: number, nameAt: number): number;
}

/** Of the calling thread alone. */
export interface PosixRights {
  /** What is made from now on belongs to that user; nothing happens where this process is not root. */
  actFor(userId: number, groupId: number): void;
  actForSelf(): void;
  /** Writing, and a change of mode, leave setuid and setgid alone, as root may. */
  keepSetIds(): void;
  /** They take them away, as from a user with that group. */
  dropSetIds(groupId: number): void;
  /** Of the files that are made from now on. */
  umask(mask: number): void;
  /** For good: from now on this thread has the rights of that user and that group alone. CW_UNSUPPORTED. */
  become(userId: number, groupId: number): void;
}

/** A lock that is in the way of another one, as fcntl(2) tells it. */
export interface FoundLock {
  readonly type: number;
  readonly start: bigint;
  /** 0: to the end of the file, wherever that is. */
  readonly lengthBytes: bigint;
  /** Of this machine; -1 where the lock belongs to a descriptor. */
  readonly processId: number;
}

/** Locks that all programs of this machine see. They belong to the descriptor, and end with it. */
export interface PosixLocks {
  /** fcntl(2) with F_OFD_SETLK: F_RDLCK, F_WRLCK or F_UNLCK for so many bytes, or up to the end with a length of 0. */
  set(fd: number, type: number, start: bigint, lengthBytes: bigint): number;
  /** F_OFD_GETLK. Null: nothing is in the way. */
  find(fd: number, type: number, start: bigint, lengthBytes: bigint): FoundLock | null;
  /** flock(2). */
  flock(fd: number, operation: number): number;
}

export interface Posix {
  readonly memory: PosixMemory;
  readonly names: PosixNames;
  readonly moves: PosixMoves;
  readonly attrs: PosixAttrs;
  readonly data: PosixData;
  readonly xattrs: PosixXattrs;
  readonly rights: PosixRights;
  readonly locks: PosixLocks;
}
