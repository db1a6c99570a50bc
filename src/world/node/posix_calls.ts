import { endianness } from 'node:os';
import { CausewayError } from '../../base/errors.ts';
import type {
  Posix,
  PosixAttrs,
  PosixData,
  PosixLocks,
  PosixMemory,
  PosixMoves,
  PosixNames,
  PosixXattrs,
} from '../posix.ts';
import { bindLibc } from './libc.ts';
import { bindRights } from './posix_rights.ts';
import { loadFfi } from './syscalls.ts';

/** The empty name, two offsets at 16, and a `struct flock` at 32. */
const SCRATCH_BYTES = 64;
const PATH_BYTES = 4_096 + 64;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_SYMLINK_FOLLOW = 0x400;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const O_NOFOLLOW = 0o400000;
const O_CLOEXEC = 0o2000000;
/** STATX_BASIC_STATS and STATX_BTIME. */
const STATX_MASK = 0xfff;
const SEEK_SET = 0;
const F_DUPFD_CLOEXEC = 1030;
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_UNLCK = 2;

type Pointer = bigint;

interface NameFunctions {
  openat(dirFd: number, path: Pointer, flags: number, mode: number): number;
  mkdirat(dirFd: number, path: Pointer, mode: number): number;
  mknodat(dirFd: number, path: Pointer, mode: number, device: bigint): number;
  symlinkat(target: Pointer, dirFd: number, path: Pointer): number;
  linkat(dirFd: number, path: Pointer, toDirFd: number, toPath: Pointer, flags: number): number;
  renameat2(dirFd: number, path: Pointer, toDirFd: number, toPath: Pointer, flags: number): number;
  unlinkat(dirFd: number, path: Pointer, flags: number): number;
}

interface AttrFunctions {
  statx(dirFd: number, path: Pointer, flags: number, mask: number, into: Pointer): number;
  chmod(path: Pointer, mode: number): number;
  fchownat(dirFd: number, path: Pointer, userId: number, groupId: number, flags: number): number;
  utimensat(dirFd: number, path: Pointer, times: Pointer, flags: number): number;
  ftruncate(fd: number, sizeBytes: bigint): number;
  fstatfs(fd: number, into: Pointer): number;
  readlinkat(dirFd: number, path: Pointer, into: Pointer, sizeBytes: bigint): bigint;
}

interface ListFunctions {
  getdents64(fd: number, into: Pointer, sizeBytes: bigint): bigint;
}

interface DataFunctions {
  pread(fd: number, into: Pointer, sizeBytes: bigint, offset: bigint): bigint;
  pwrite(fd: number, from: Pointer, sizeBytes: bigint, offset: bigint): bigint;
  fsync(fd: number): number;
  fdatasync(fd: number): number;
  fallocate(fd: number, mode: number, offset: bigint, lengthBytes: bigint): number;
  lseek(fd: number, offset: bigint, whence: number): bigint;
  copy_file_range(from: number, at: Pointer, to: number, toAt: Pointer, size: bigint, flags: number): bigint;
  close(fd: number): number;
}

interface LockFunctions {
  fcntl(fd: number, command: number, lock: Pointer): number;
  flock(fd: number, operation: number): number;
}

interface XattrFunctions {
  getxattr(path: Pointer, name: Pointer, into: Pointer, sizeBytes: bigint): bigint;
  fgetxattr(fd: number, name: Pointer, into: Pointer, sizeBytes: bigint): bigint;
  listxattr(path: Pointer, into: Pointer, sizeBytes: bigint): bigint;
  setxattr(path: Pointer, name: Pointer, from: Pointer, sizeBytes: bigint, flags: number): number;
  removexattr(path: Pointer, name: Pointer): number;
}

type Functions = NameFunctions &
  AttrFunctions &
  ListFunctions &
  DataFunctions &
  LockFunctions &
  XattrFunctions;

const I = 'i32' as const;
const U = 'u32' as const;
const P = 'u64' as const;
const L = 'i64' as const;

const SIGNATURES = {
  openat: { return: I, arguments: [I, P, I, U] },
  mkdirat: { return: I, arguments: [I, P, U] },
  mknodat: { return: I, arguments: [I, P, U, P] },
  symlinkat: { return: I, arguments: [P, I, P] },
  linkat: { return: I, arguments: [I, P, I, P, I] },
  renameat2: { return: I, arguments: [I, P, I, P, U] },
  unlinkat: { return: I, arguments: [I, P, I] },
  statx: { return: I, arguments: [I, P, I, U, P] },
  chmod: { return: I, arguments: [P, U] },
  fchownat: { return: I, arguments: [I, P, U, U, I] },
  utimensat: { return: I, arguments: [I, P, P, I] },
  ftruncate: { return: I, arguments: [I, L] },
  fstatfs: { return: I, arguments: [I, P] },
  readlinkat: { return: L, arguments: [I, P, P, P] },
  pread: { return: L, arguments: [I, P, P, L] },
  pwrite: { return: L, arguments: [I, P, P, L] },
  getdents64: { return: L, arguments: [I, P, P] },
  fsync: { return: I, arguments: [I] },
  fdatasync: { return: I, arguments: [I] },
  fallocate: { return: I, arguments: [I, I, L, L] },
  lseek: { return: L, arguments: [I, L, I] },
  copy_file_range: { return: L, arguments: [I, P, I, P, P, U] },
  close: { return: I, arguments: [I] },
  fcntl: { return: I, arguments: [I, I, P] },
  flock: { return: I, arguments: [I, I] },
  getxattr: { return: L, arguments: [P, P, P, P] },
  fgetxattr: { return: L, arguments: [I, P, P, P] },
  listxattr: { return: L, arguments: [P, P, P] },
  setxattr: { return: I, arguments: [P, P, P, P, I] },
  removexattr: { return: I, arguments: [P, P] },
};

/** The functions, where a place of the memory is, and what failed last. */
interface Bound {
  readonly c: Functions;
  readonly at: (place: number) => Pointer;
  readonly memory: PosixMemory;
  /** The result, or the negated errno. */
  readonly result: (value: number | bigint) => number;
  /** Where the path of a descriptor stands until the next call of it. */
  readonly pathOf: (fd: number) => Pointer;
  readonly pathAt: number;
}

/**
 * The calls, with `sizeBytes` of memory for the caller, which other threads may reach where it is shared. One user per
 * thread at a time. CW_UNSUPPORTED where they cannot be bound.
 */
export function createPosix(sizeBytes: number, shared = false): Posix {
  const libc = bindLibc<Functions & { __errno_location(): bigint }>(SIGNATURES);
  if (libc === null || endianness() !== 'LE')
    throw new CausewayError('CW_UNSUPPORTED', 'this machine does not offer the system calls of a mount');
  const { getInt32, getRawPointer } = loadFfi();
  const allBytes = sizeBytes + SCRATCH_BYTES + PATH_BYTES;
  const bytes = Buffer.from(shared ? new SharedArrayBuffer(allBytes) : new ArrayBuffer(allBytes));
  const base = getRawPointer(bytes);
  const errnoAt = libc.functions.__errno_location();
  const at = (place: number): Pointer => base + BigInt(place);
  const pathAt = sizeBytes + SCRATCH_BYTES;
  const memory = { bytes, view: new DataView(bytes.buffer), emptyNameAt: sizeBytes };
  const bound: Bound = {
    c: libc.functions,
    at,
    memory,
    result: (value) => (value < 0 ? -getInt32(errnoAt) : Number(value)),
    pathOf: (fd) => {
      const end = bytes.write(`/proc/self/fd/${fd}`, pathAt, 'latin1');
      bytes[pathAt + end] = 0;
      return at(pathAt);
    },
    pathAt,
  };
  return {
    memory,
    names: namesOf(bound),
    moves: movesOf(bound),
    attrs: attrsOf(bound),
    data: dataOf(bound, sizeBytes + 16),
    xattrs: xattrsOf(bound),
    rights: bindRights(),
    locks: locksOf(bound, sizeBytes + 32),
  };
}

function namesOf({ c, at, memory, result, pathOf, pathAt }: Bound): PosixNames {
  return {
    open: (dirFd, nameAt, flags, mode) =>
      result(c.openat(dirFd, at(nameAt), flags | O_NOFOLLOW | O_CLOEXEC, mode)),
    openPath: (path, flags) => {
      const end = memory.bytes.write(path, pathAt, PATH_BYTES - 1, 'utf8');
      memory.bytes[pathAt + end] = 0;
      return result(c.openat(AT_FDCWD, at(pathAt), flags | O_CLOEXEC, 0));
    },
    duplicate: (fd) => result(c.fcntl(fd, F_DUPFD_CLOEXEC, 0n)),
    reopen: (fd, flags) => result(c.openat(AT_FDCWD, pathOf(fd), flags | O_CLOEXEC, 0)),
    makeDir: (dirFd, nameAt, mode) => result(c.mkdirat(dirFd, at(nameAt), mode)),
    makeNode: (dirFd, nameAt, mode, device) => result(c.mknodat(dirFd, at(nameAt), mode, BigInt(device))),
    makeSymlink: (targetAt, dirFd, nameAt) => result(c.symlinkat(at(targetAt), dirFd, at(nameAt))),
    link: (fd, dirFd, nameAt) => result(c.linkat(AT_FDCWD, pathOf(fd), dirFd, at(nameAt), AT_SYMLINK_FOLLOW)),
  };
}

function movesOf({ c, at, result }: Bound): PosixMoves {
  return {
    rename: (dirFd, nameAt, toDirFd, toNameAt, flags) =>
      result(c.renameat2(dirFd, at(nameAt), toDirFd, at(toNameAt), flags)),
    unlink: (dirFd, nameAt) => result(c.unlinkat(dirFd, at(nameAt), 0)),
    removeDir: (dirFd, nameAt) => result(c.unlinkat(dirFd, at(nameAt), AT_REMOVEDIR)),
  };
}

function attrsOf({ c, at, memory, result, pathOf }: Bound): PosixAttrs {
  const empty = at(memory.emptyNameAt);
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
  return {
    stat: (dirFd, nameAt, into) => result(c.statx(dirFd, at(nameAt), flags, STATX_MASK, at(into))),
    chmod: (fd, mode) => result(c.chmod(pathOf(fd), mode)),
    chown: (fd, userId, groupId) =>
      result(c.fchownat(fd, empty, userId >>> 0, groupId >>> 0, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)),
    setTimes: (fd, timesAt) => result(c.utimensat(fd, empty, at(timesAt), AT_EMPTY_PATH)),
    truncate: (fd, sizeBytes) => result(c.ftruncate(fd, sizeBytes)),
    statfs: (fd, into) => result(c.fstatfs(fd, at(into))),
    readLink: (fd, into, sizeBytes) => result(c.readlinkat(fd, empty, at(into), BigInt(sizeBytes))),
  };
}

/** `offsetsAt`: 16 bytes for two offsets. */
function dataOf({ c, at, memory, result }: Bound, offsetsAt: number): PosixData {
  return {
    read: (fd, into, sizeBytes, offset) => result(c.pread(fd, at(into), BigInt(sizeBytes), offset)),
    write: (fd, from, sizeBytes, offset) => result(c.pwrite(fd, at(from), BigInt(sizeBytes), offset)),
    list: (fd, into, sizeBytes, cookie) => {
      if (cookie !== null) {
        const moved = result(c.lseek(fd, cookie, SEEK_SET));
        if (moved < 0 && cookie >= 0n) return moved;
      }
      return result(c.getdents64(fd, at(into), BigInt(sizeBytes)));
    },
    sync: (fd, dataOnly) => result(dataOnly ? c.fdatasync(fd) : c.fsync(fd)),
    allocate: (fd, mode, offset, lengthBytes) => result(c.fallocate(fd, mode, offset, lengthBytes)),
    seek: (fd, offset, whence) => {
      const found = c.lseek(fd, offset, whence);
      return found < 0n ? BigInt(result(found)) : found;
    },
    copyRange: (fromFd, from, toFd, to, lengthBytes) => {
      memory.view.setBigInt64(offsetsAt, from, true);
      memory.view.setBigInt64(offsetsAt + 8, to, true);
      return result(c.copy_file_range(fromFd, at(offsetsAt), toFd, at(offsetsAt + 8), lengthBytes, 0));
    },
    close: (fd) => result(c.close(fd)),
  };
}

function xattrsOf({ c, at, result, pathOf }: Bound): PosixXattrs {
  return {
    get: (fd, nameAt, into, sizeBytes) =>
      result(c.getxattr(pathOf(fd), at(nameAt), at(into), BigInt(sizeBytes))),
    getOpen: (fd, nameAt, into, sizeBytes) =>
      result(c.fgetxattr(fd, at(nameAt), at(into), BigInt(sizeBytes))),
    list: (fd, into, sizeBytes) => result(c.listxattr(pathOf(fd), at(into), BigInt(sizeBytes))),
    set: (fd, nameAt, from, sizeBytes, flags) =>
      result(c.setxattr(pathOf(fd), at(nameAt), at(from), BigInt(sizeBytes), flags)),
    remove: (fd, nameAt) => result(c.removexattr(pathOf(fd), at(nameAt))),
  };
}

/** `lockAt`: 32 bytes for a `struct flock` of a 64-bit machine. */
function locksOf({ c, at, memory: { view }, result }: Bound, lockAt: number): PosixLocks {
  const put = (type: number, start: bigint, lengthBytes: bigint): Pointer => {
    view.setInt16(lockAt, type, true);
    view.setInt16(lockAt + 2, SEEK_SET, true);
    view.setBigInt64(lockAt + 8, start, true);
    view.setBigInt64(lockAt + 16, lengthBytes, true);
    view.setInt32(lockAt + 24, 0, true);
    return at(lockAt);
  };
  return {
    set: (fd, type, start, lengthBytes) => result(c.fcntl(fd, F_OFD_SETLK, put(type, start, lengthBytes))),
    find: (fd, type, start, lengthBytes) => {
      const found = c.fcntl(fd, F_OFD_GETLK, put(type, start, lengthBytes));
      const foundType = view.getInt16(lockAt, true);
      if (found < 0 || foundType === F_UNLCK) return null;
      return {
        type: foundType,
        start: view.getBigInt64(lockAt + 8, true),
        lengthBytes: view.getBigInt64(lockAt + 16, true),
        processId: view.getInt32(lockAt + 24, true),
      };
    },
    flock: (fd, operation) => result(c.flock(fd, operation)),
  };
}
