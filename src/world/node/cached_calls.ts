import { constants as fsConstants } from 'node:fs';
import { constants, endianness } from 'node:os';
import { LIMITS } from '../../base/limits.ts';
import type { EntryKind, Stat } from '../disk.ts';
import { bindLibc } from './libc.ts';
import { deviceIdOf, LookFields, STATX } from './look_fields.ts';
import { loadFfi } from './syscalls.ts';

/*
 * Looks, opens and reads that never wait for a device: RESOLVE_CACHED of openat2(2) walks a path only as far as the kernel has
 * it in memory, RWF_NOWAIT of preadv2(2) reads only what is in memory. A call takes 1 to 2 µs in the calling thread,
 * where one by way of the thread pool takes 30 to 50 and wakes two threads. Linux 5.12 and later; others answer with an error,
 * which is "not known" here.
 */

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fsConstants;
/** Linux's values; `fs.constants` lacks them. */
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
/** The same number on each architecture that Node runs on. */
const SYS_OPENAT2 = 437n;
const RESOLVE = {
  noMounts: 0x01,
  noMagicLinks: 0x02,
  noSymlinks: 0x04,
  beneath: 0x08,
  cached: 0x20,
} as const;
const INSIDE = RESOLVE.noMounts | RESOLVE.noMagicLinks | RESOLVE.noSymlinks | RESOLVE.beneath;
const RWF_NOWAIT = 8;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
/** What a network file system knows already. */
const AT_STATX_DONT_SYNC = 0x4000;
/** STATX_BASIC_STATS and the time when the inode was made. */
const STATX_MASK = 0xfff;

/** Memory: `struct open_how`, `struct iovec`, a path with its NUL, the empty path, `struct statx`, then what is read. */
const HOW_BYTES = 24;
const IOV_AT = 32;
const PATH_AT = 64;
const PATH_BYTES = 4_096;
const EMPTY_AT = PATH_AT + PATH_BYTES;
const STATX_AT = EMPTY_AT + 64;
const DATA_AT = STATX_AT + 256;
/** Of one UTF-16 unit in UTF-8. */
const UNIT_MAX_BYTES = 3;

const KIND_MASK = 0o170000;
const KINDS: ReadonlyMap<number, EntryKind> = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
]);

interface Functions {
  syscall(number: bigint, dirFd: bigint, path: bigint, how: bigint, sizeBytes: bigint): bigint;
  preadv2(fd: number, parts: bigint, count: number, offset: bigint, flags: number): bigint;
  pread(fd: number, into: bigint, sizeBytes: bigint, offset: bigint): bigint;
  statx(dirFd: number, name: bigint, flags: number, mask: number, into: bigint): number;
  close(fd: number): number;
  __errno_location(): bigint;
}

interface Parts {
  readonly c: Functions;
  readonly errno: () => number;
  readonly memory: Buffer;
  readonly at: bigint;
}

/** How an entry is opened. */
export type CachedOpen = 'look' | 'read';

/** One at a time: memory is shared by all calls. None throws. */
export class CachedCalls {
  readonly #c: Functions;
  readonly #errno: () => number;
  readonly #memory: Buffer;
  readonly #at: bigint;
  readonly #fields: LookFields;
  readonly #statx: DataView;

  constructor({ c, errno, memory, at }: Parts) {
    this.#c = c;
    this.#errno = errno;
    this.#memory = memory;
    this.#at = at;
    this.#statx = new DataView(memory.buffer, memory.byteOffset + STATX_AT, 256);
    this.#fields = new LookFields(this.#statx, STATX);
  }

  /** A descriptor of an entry below a folder, which no symlink and no mount leads to; -errno where there is none. `isMemory` as in {@link read}. */
  openBelow(dirFd: number, path: string, mode: CachedOpen, isMemory: boolean): number {
    const flags = mode === 'look' ? O_PATH : O_RDONLY | O_NONBLOCK;
    // a file system without a device keeps no note of what is missing, and looks at once
    return this.#open(dirFd, path, flags | O_NOFOLLOW, isMemory ? INSIDE : INSIDE | RESOLVE.cached);
  }

  /** The same of a path of the machine, by symlinks and mounts as the machine's own user means it: to be looked at. */
  openPath(absolutePath: string): number {
    return this.#open(AT_FDCWD, absolutePath, O_PATH, RESOLVE.cached);
  }

  #open(dirFd: number, path: string, flags: number, resolve: number): number {
    if (path.length * UNIT_MAX_BYTES >= PATH_BYTES || path.includes('\0'))
      return -constants.errno.ENAMETOOLONG;
    const memory = this.#memory;
    memory.writeUInt32LE(flags | O_CLOEXEC, 0);
    memory.writeUInt32LE(resolve, 16);
    memory[PATH_AT + memory.write(path, PATH_AT, 'utf8')] = 0;
    const pathAt = this.#at + BigInt(PATH_AT);
    const fd = Number(this.#c.syscall(SYS_OPENAT2, BigInt(dirFd), pathAt, this.#at, BigInt(HOW_BYTES)));
    return fd >= 0 ? fd : -this.#errno();
  }

  /** Null for what is neither file nor folder, and where not all is known. */
  statOf(fd: number): Stat | null {
    const flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    const [emptyAt, intoAt] = [this.#at + BigInt(EMPTY_AT), this.#at + BigInt(STATX_AT)];
    if (this.#c.statx(fd, emptyAt, flags, STATX_MASK, intoAt) !== 0) return null;
    const view = this.#statx;
    // a file system without times of birth leaves these out, and the longer way knows what to say
    if ((view.getUint32(0, true) & STATX_MASK) !== STATX_MASK) return null;
    const fields = this.#fields;
    const kind = KINDS.get(fields.mode & KIND_MASK);
    if (kind === undefined) return null;
    return {
      kind,
      special: null,
      sizeBytes: fields.sizeBytes,
      allocatedBytes: fields.allocatedBytes,
      userId: fields.userId,
      groupId: fields.groupId,
      mode: fields.mode & 0o7777,
      mtimeNs: fields.mtimeNs,
      ctimeNs: fields.ctimeNs,
      deviceId: deviceIdOf(fields.deviceWord(0), fields.deviceWord(1)),
      inode: String(fields.inode),
      linkCount: fields.linkCount,
      birthNs: view.getBigInt64(80, true) * 1_000_000_000n + BigInt(view.getUint32(88, true)),
    };
  }

  /** A copy of so many bytes; null where not all of them are in memory. `isMemory`: the file system has no device. */
  read(fd: number, offset: number, sizeBytes: number, isMemory: boolean): Uint8Array | null {
    const [dataAt, size] = [this.#at + BigInt(DATA_AT), BigInt(sizeBytes)];
    if (isMemory) return this.#copy(Number(this.#c.pread(fd, dataAt, size, BigInt(offset))), sizeBytes);
    this.#memory.writeBigUInt64LE(dataAt, IOV_AT);
    this.#memory.writeBigUInt64LE(size, IOV_AT + 8);
    const iovAt = this.#at + BigInt(IOV_AT);
    return this.#copy(Number(this.#c.preadv2(fd, iovAt, 1, BigInt(offset), RWF_NOWAIT)), sizeBytes);
  }

  close(fd: number): void {
    this.#c.close(fd);
  }

  #copy(count: number, wanted: number): Uint8Array | null {
    if (count !== wanted) return null;
    return Buffer.from(this.#memory.subarray(DATA_AT, DATA_AT + count));
  }
}

function bind(): CachedCalls | null {
  if (endianness() !== 'LE') return null;
  const libc = bindLibc<Functions>({
    syscall: { return: 'i64', arguments: ['i64', 'i64', 'i64', 'i64', 'i64'] },
    preadv2: { return: 'i64', arguments: ['i32', 'u64', 'i32', 'i64', 'i32'] },
    pread: { return: 'i64', arguments: ['i32', 'u64', 'u64', 'i64'] },
    statx: { return: 'i32', arguments: ['i32', 'u64', 'i32', 'u32', 'u64'] },
    close: { return: 'i32', arguments: ['i32'] },
  });
  if (libc === null) return null;
  const { getInt32, getRawPointer } = loadFfi();
  const errnoAt = libc.functions.__errno_location();
  const memory = Buffer.from(new ArrayBuffer(DATA_AT + LIMITS.cachedReadBytes.value));
  const errno = () => getInt32(errnoAt);
  const calls = new CachedCalls({ c: libc.functions, errno, memory, at: getRawPointer(memory) });
  // a wrong binding must show here, not as wrong data later
  return calls.openBelow(-1, 'x', 'look', false) === -constants.errno.EBADF ? calls : null;
}

let cached: CachedCalls | null | undefined;

/** The calls, loaded on first use; null where the platform has none. */
export function loadCachedCalls(): CachedCalls | null {
  if (cached === undefined) cached = bind();
  return cached;
}
