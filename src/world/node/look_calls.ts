import { constants, endianness } from 'node:os';
import { bindLibc } from './libc.ts';
import { loadFfi } from './syscalls.ts';

/*
 * Looks at entries of a folder with as little work for each as goes: what the calls need and answer lies in memory that is
 * made once, and no call throws. Linux.
 */

const { ENOENT, ENOTSUP } = constants.errno;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
/** STATX_BASIC_STATS: what stat(2) tells. */
const BASIC = 0x7ff;
/** Memory: a name or path with its NUL, then a `struct statx`. */
const TEXT_BYTES = 4_096 + 64;
const STATX_BYTES = 256;
const LITTLE = endianness() === 'LE';

interface Functions {
  statx(dirFd: number, name: bigint, flags: number, mask: number, into: bigint): number;
  llistxattr(path: bigint, list: bigint, sizeBytes: bigint): number;
}

export type XattrAnswer = 'none' | 'some' | 'unsupported' | 'gone' | 'failed';

/** One at a time: the answer of a look stands until the next. */
export class LookCalls {
  readonly #calls: Functions;
  readonly #errno: () => number;
  readonly #memory: Buffer;
  readonly #view: DataView;
  readonly #textAt: bigint;
  readonly #statxAt: bigint;

  constructor(calls: Functions, errno: () => number, pointerOf: (memory: Buffer) => bigint) {
    this.#calls = calls;
    this.#errno = errno;
    this.#memory = Buffer.from(new ArrayBuffer(TEXT_BYTES + STATX_BYTES));
    this.#view = new DataView(this.#memory.buffer, TEXT_BYTES, STATX_BYTES);
    this.#textAt = pointerOf(this.#memory);
    this.#statxAt = this.#textAt + BigInt(TEXT_BYTES);
  }

  /** statx(2) of a name, which follows no symlink: what it tells, `gone` where nothing has the name, else `failed`. */
  stat(dirFd: number, name: string): DataView | 'gone' | 'failed' {
    this.#text(name);
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (this.#calls.statx(dirFd, this.#textAt, flags, BASIC, this.#statxAt) !== 0)
      return this.#errno() === ENOENT ? 'gone' : 'failed';
    return (this.#view.getUint32(0, LITTLE) & BASIC) === BASIC ? this.#view : 'failed';
  }

  /** The same of an open file. */
  statOf(fd: number): DataView | 'failed' {
    this.#memory[0] = 0;
    if (this.#calls.statx(fd, this.#textAt, AT_EMPTY_PATH, BASIC, this.#statxAt) !== 0) return 'failed';
    return (this.#view.getUint32(0, LITTLE) & BASIC) === BASIC ? this.#view : 'failed';
  }

  /** Whether an entry has extended attributes; llistxattr(2). */
  xattrs(path: string): XattrAnswer {
    this.#text(path);
    const bytes = this.#calls.llistxattr(this.#textAt, 0n, 0n);
    if (bytes >= 0) return bytes === 0 ? 'none' : 'some';
    const errno = this.#errno();
    if (errno === ENOTSUP) return 'unsupported';
    return errno === ENOENT ? 'gone' : 'failed';
  }

  #text(text: string): void {
    const end = this.#memory.write(text, 0, TEXT_BYTES - 1, 'utf8');
    this.#memory[end] = 0;
  }
}

/** Of a `struct statx`, statx(2). */
export const STATX = {
  linkCount: (view: DataView) => view.getUint32(16, LITTLE),
  userId: (view: DataView) => view.getUint32(20, LITTLE),
  groupId: (view: DataView) => view.getUint32(24, LITTLE),
  mode: (view: DataView) => view.getUint16(28, LITTLE),
  inode: (view: DataView) => view.getBigUint64(32, LITTLE),
  sizeBytes: (view: DataView) => Number(view.getBigUint64(40, LITTLE)),
  allocatedBytes: (view: DataView) => Number(view.getBigUint64(48, LITTLE)) * 512,
  ctimeNs: (view: DataView) => timeNs(view, 96),
  ctimeS: (view: DataView) => Number(view.getBigInt64(96, LITTLE)),
  mtimeNs: (view: DataView) => timeNs(view, 112),
  deviceMajor: (view: DataView) => view.getUint32(136, LITTLE),
  deviceMinor: (view: DataView) => view.getUint32(140, LITTLE),
} as const;

function timeNs(view: DataView, at: number): bigint {
  return view.getBigInt64(at, LITTLE) * 1_000_000_000n + BigInt(view.getUint32(at + 8, LITTLE));
}

/** Null where the calls cannot be bound: the longer way does it then. Called once in a thread. */
export function bindLookCalls(): LookCalls | null {
  const libc = bindLibc<Functions & { __errno_location(): bigint }>({
    statx: { return: 'i32', arguments: ['i32', 'u64', 'i32', 'u32', 'u64'] },
    llistxattr: { return: 'i32', arguments: ['u64', 'u64', 'u64'] },
  });
  if (libc === null) return null;
  const { getInt32, getRawPointer } = loadFfi();
  const errnoAt = libc.functions.__errno_location();
  const calls = new LookCalls(libc.functions, () => getInt32(errnoAt), getRawPointer);
  // a wrong binding must show here, not as wrong data later
  return calls.stat(-1, 'x') === 'failed' ? calls : null;
}
