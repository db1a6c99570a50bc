import { constants as fsConstants } from 'node:fs';
import { constants, endianness } from 'node:os';
import { bindLibc } from './libc.ts';
import { loadFfi, SystemCallError } from './syscalls.ts';

/*
 * Calls on one file after the other with as little work for each as goes: names and structures lie in memory that is made
 * once, where node:fs makes a path, an object and a closure for each call. Linux.
 */

const { EINTR } = constants.errno;
/** Linux's value on every architecture that Node runs on; `fs.constants` lacks it. */
const O_CLOEXEC = 0o2000000;
const UTIME_OMIT = (1n << 30n) - 2n;
const NS_PER_S = 1_000_000_000n;
const LITTLE = endianness() === 'LE';
/** A name of at most 255 bytes with its NUL, twice; then two `struct timespec`. */
const NAME_BYTES = 256;
const TIMES_AT = 2 * NAME_BYTES;
const MEMORY_BYTES = TIMES_AT + 32;

interface Functions {
  openat(dirFd: number, name: bigint, flags: number, permission: number): number;
  close(fd: number): number;
  fchmod(fd: number, mode: number): number;
  fchown(fd: number, userId: number, groupId: number): number;
  futimens(fd: number, times: bigint): number;
  renameat(dirFd: number, name: bigint, toDirFd: number, toName: bigint): number;
}

/** Names have at most 255 bytes and no NUL. Each call throws {@link SystemCallError}. */
export class FileCalls {
  readonly #calls: Functions;
  readonly #errno: () => number;
  readonly #memory: Buffer;
  readonly #times: DataView;
  readonly #nameAt: bigint;
  readonly #otherNameAt: bigint;
  readonly #timesAt: bigint;

  constructor(calls: Functions, errno: () => number, pointerOf: (memory: Buffer) => bigint) {
    this.#calls = calls;
    this.#errno = errno;
    this.#memory = Buffer.from(new ArrayBuffer(MEMORY_BYTES));
    this.#times = new DataView(this.#memory.buffer, TIMES_AT);
    this.#nameAt = pointerOf(this.#memory);
    this.#otherNameAt = this.#nameAt + BigInt(NAME_BYTES);
    this.#timesAt = this.#nameAt + BigInt(TIMES_AT);
    this.#times.setBigInt64(8, UTIME_OMIT, LITTLE); // the access time stays
  }

  /** openat(2) with flags of open(2); the descriptor is not passed to programs that are started. */
  open(dirFd: number, name: string, flags: number, permission: number): number {
    this.#name(name, 0);
    for (;;) {
      const fd = this.#calls.openat(dirFd, this.#nameAt, flags | O_CLOEXEC, permission);
      if (fd >= 0) return fd;
      const errno = this.#errno();
      if (errno !== EINTR) throw new SystemCallError('openat', errno);
    }
  }

  /** close(2). One that was interrupted has closed all the same. */
  close(fd: number): void {
    if (this.#calls.close(fd) === 0) return;
    const errno = this.#errno();
    if (errno !== EINTR) throw new SystemCallError('close', errno);
  }

  /** fchmod(2). */
  setMode(fd: number, mode: number): void {
    if (this.#calls.fchmod(fd, mode) !== 0) throw new SystemCallError('fchmod', this.#errno());
  }

  /** fchown(2); -1 for what stays. */
  setOwner(fd: number, userId: number, groupId: number): void {
    if (this.#calls.fchown(fd, userId, groupId) !== 0) throw new SystemCallError('fchown', this.#errno());
  }

  /** futimens(3): the modification time. */
  setTime(fd: number, mtimeNs: bigint): void {
    const nanoseconds = ((mtimeNs % NS_PER_S) + NS_PER_S) % NS_PER_S;
    this.#times.setBigInt64(16, (mtimeNs - nanoseconds) / NS_PER_S, LITTLE);
    this.#times.setBigInt64(24, nanoseconds, LITTLE);
    if (this.#calls.futimens(fd, this.#timesAt) !== 0) throw new SystemCallError('futimens', this.#errno());
  }

  /** renameat(2). */
  rename(dirFd: number, name: string, toDirFd: number, toName: string): void {
    this.#name(name, 0);
    this.#name(toName, NAME_BYTES);
    if (this.#calls.renameat(dirFd, this.#nameAt, toDirFd, this.#otherNameAt) !== 0)
      throw new SystemCallError('renameat', this.#errno());
  }

  #name(name: string, at: number): void {
    const bytes = this.#memory.write(name, at, NAME_BYTES - 1, 'utf8');
    this.#memory[at + bytes] = 0;
  }
}

/** Null where the calls cannot be bound: the longer way does it then. Called once in a thread. */
export function bindFileCalls(): FileCalls | null {
  const libc = bindLibc<Functions & { __errno_location(): bigint }>({
    openat: { return: 'i32', arguments: ['i32', 'u64', 'i32', 'u32'] },
    close: { return: 'i32', arguments: ['i32'] },
    fchmod: { return: 'i32', arguments: ['i32', 'u32'] },
    fchown: { return: 'i32', arguments: ['i32', 'u32', 'u32'] },
    futimens: { return: 'i32', arguments: ['i32', 'u64'] },
    renameat: { return: 'i32', arguments: ['i32', 'u64', 'i32', 'u64'] },
  });
  if (libc === null) return null;
  const { getInt32, getRawPointer } = loadFfi();
  const errnoAt = libc.functions.__errno_location();
  const calls = new FileCalls(libc.functions, () => getInt32(errnoAt), getRawPointer);
  return answers(calls) ? calls : null;
}

/** A wrong binding must show here, not as wrong data later. */
function answers(calls: FileCalls): boolean {
  try {
    calls.open(-1, 'x', fsConstants.O_RDONLY, 0);
    return false;
  } catch (thrown) {
    return thrown instanceof SystemCallError && thrown.errno === constants.errno.EBADF;
  }
}
