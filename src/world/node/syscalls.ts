import { endianness, constants as osConstants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/**
 * System calls that Node does not offer, by `node:ffi` (docs/adr/0002-ffi.md). All are synchronous and throw a
 * {@link SystemCallError} with `code` and `errno` as `node:fs` errors carry them. 64-bit Linux only.
 */
export interface Syscalls {
  /** utimensat(2) of one name below a directory: sets the modification time, keeps the access time, follows no symlink. */
  utimensAt(dirFd: number, name: string, mtimeNs: bigint): void;
  /** futimens(3): sets the modification time of an open file, keeps the access time. */
  futimens(fd: number, mtimeNs: bigint): void;
  /** renameat(2). */
  renameAt(dirFd: number, name: string, toDirFd: number, toName: string): void;
  /** linkat(2), of a symlink itself; false where nothing has the name: an exception for that would cost more than the call. */
  linkAt(dirFd: number, name: string, toDirFd: number, toName: string): boolean;
  /** syncfs(2): flushes the file system that `fd` is on. May take seconds. */
  syncfs(fd: number): void;
  /** poll(2) without waiting: whether a read returns at once, with bytes, an end or an error. */
  isReadable(fd: number): boolean;
  /** cfmakeraw(3) on a terminal: no echo, no line editing, all 8 bits pass. */
  makeRaw(fd: number): void;
}

export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    // errno 0 after a failed call means that something reset it in between; the call failed all the same
    const code = errno === 0 ? 'EIO' : getSystemErrorName(-errno);
    super(`${code}: ${syscall} failed`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** Bytes that hold a `struct termios` of any libc (glibc and musl: 60). */
const TERMIOS_BYTES = 256;
const TCSANOW = 0;
/** `struct pollfd`: descriptor, wanted events, events that hold. POLLERR and POLLHUP hold unasked. */
const POLLFD_BYTES = 8;
const POLLIN = 1;
const AT_SYMLINK_NOFOLLOW = 0x100;
const UTIME_OMIT = (1n << 30n) - 2n;
const NS_PER_S = 1_000_000_000n;
const WIDE_ARCHITECTURES = ['x64', 'arm64', 'riscv64', 'loong64', 'ppc64', 's390x'];

/** Two `struct timespec`: access time left as it is, modification time. */
function timesOf(mtimeNs: bigint): BigInt64Array {
  const nanoseconds = ((mtimeNs % NS_PER_S) + NS_PER_S) % NS_PER_S;
  return new BigInt64Array([0n, UTIME_OMIT, (mtimeNs - nanoseconds) / NS_PER_S, nanoseconds]);
}

/** `node:ffi` prints a warning that it is experimental; users of this program can do nothing about it. */
export function loadFfi(): typeof import('node:ffi') {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule('node:ffi');
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The keys must be `return` and `arguments`: unknown ones are ignored in silence, and the call then gives undefined. */
function bind(): Syscalls {
  const { dlopen, getInt32 } = loadFfi();
  const { functions: libc } = dlopen(null, {
    __errno_location: { return: 'pointer', arguments: [] },
    utimensat: { return: 'i32', arguments: ['i32', 'string', 'pointer', 'i32'] },
    futimens: { return: 'i32', arguments: ['i32', 'pointer'] },
    renameat: { return: 'i32', arguments: ['i32', 'string', 'i32', 'string'] },
    linkat: { return: 'i32', arguments: ['i32', 'string', 'i32', 'string', 'i32'] },
    syncfs: { return: 'i32', arguments: ['i32'] },
    poll: { return: 'i32', arguments: ['pointer', 'u64', 'i32'] },
    tcgetattr: { return: 'i32', arguments: ['i32', 'pointer'] },
    cfmakeraw: { return: 'void', arguments: ['pointer'] },
    tcsetattr: { return: 'i32', arguments: ['i32', 'i32', 'pointer'] },
  });
  const errnoAt = libc.__errno_location(); // per thread: this module is loaded once in each
  const check = (syscall: string, result: number) => {
    if (result !== 0) throw new SystemCallError(syscall, getInt32(errnoAt));
  };
  const pollfd = new Uint8Array(POLLFD_BYTES);
  const fields = new DataView(pollfd.buffer);
  const isLittleEndian = endianness() === 'LE';
  return {
    isReadable: (fd) => {
      fields.setInt32(0, fd, isLittleEndian);
      fields.setInt16(4, POLLIN, isLittleEndian);
      return libc.poll(pollfd, 1n, 0) > 0;
    },
    utimensAt: (dirFd, name, mtimeNs) =>
      check('utimensat', libc.utimensat(dirFd, name, timesOf(mtimeNs), AT_SYMLINK_NOFOLLOW)),
    futimens: (fd, mtimeNs) => check('futimens', libc.futimens(fd, timesOf(mtimeNs))),
    renameAt: (dirFd, name, toDirFd, toName) =>
      check('renameat', libc.renameat(dirFd, name, toDirFd, toName)),
    linkAt: (dirFd, name, toDirFd, toName) => {
      if (libc.linkat(dirFd, name, toDirFd, toName, 0) === 0) return true;
      const errno = getInt32(errnoAt);
      if (errno === osConstants.errno.ENOENT) return false;
      throw new SystemCallError('linkat', errno);
    },
    syncfs: (fd) => check('syncfs', libc.syncfs(fd)),
    makeRaw: (fd) => {
      const termios = new Uint8Array(TERMIOS_BYTES);
      check('tcgetattr', libc.tcgetattr(fd, termios));
      libc.cfmakeraw(termios);
      check('tcsetattr', libc.tcsetattr(fd, TCSANOW, termios));
    },
  };
}

/** Proves that calls arrive and errors come back: a wrong binding must show here, not as wrong data later. */
function works(calls: Syscalls): boolean {
  try {
    calls.futimens(-1, 0n);
    return false;
  } catch (thrown) {
    return thrown instanceof SystemCallError && thrown.errno === osConstants.errno.EBADF;
  }
}

/** Whether calls can be bound here: 64-bit Linux. */
export function hasWideSyscalls(): boolean {
  return process.platform === 'linux' && WIDE_ARCHITECTURES.includes(process.arch);
}

let cached: Syscalls | null | undefined;

/** The calls, loaded on first use (about 2 ms); null where the platform or this build of Node has none. */
export function loadSyscalls(): Syscalls | null {
  if (cached === undefined) {
    cached = null;
    if (hasWideSyscalls()) {
      try {
        const calls = bind();
        if (works(calls)) cached = calls;
      } catch {
        cached = null; // no node:ffi, or a libc without a symbol: callers have a pure-Node way for each call
      }
    }
  }
  return cached;
}
