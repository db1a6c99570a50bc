import fs from 'node:fs';
import { constants, endianness } from 'node:os';
import { bindLibc } from './libc.ts';
import { LookFields, type Offsets, STAT_OF, STATX } from './look_fields.ts';
import { loadFfi } from './syscalls.ts';

/*
 * Looks at entries of a folder with as little work for each as goes: what the calls need and answer lies in memory that is
 * made once, and no call throws. `node:ffi` takes three times as long for a call of four arguments or more: stat(2) is
 * called where libc has it, and statx(2), which has five, elsewhere. Linux.
 */

const { ENOENT, ENOTSUP } = constants.errno;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
/** STATX_BASIC_STATS: what stat(2) tells. */
const BASIC = 0x7ff;
/** Memory: a name or path with its NUL, then the answer. */
const TEXT_BYTES = 4_096 + 64;
const ANSWER_BYTES = 256;
const LITTLE = endianness() === 'LE';

/** The system's calls: each puts its answer into memory and tells whether there is one. */
interface StatCalls {
  readonly at: Offsets;
  /** Of a name below a folder; a symlink is not followed. */
  name(dirFd: number, name: bigint, into: bigint): boolean;
  /** Of a name in the working folder, likewise. */
  here(name: bigint, into: bigint): boolean;
  /** Of an open file. `empty` is a text of no characters. */
  open(fd: number, empty: bigint, into: bigint): boolean;
  /** Whether an answer has all that is asked for. */
  isWhole(view: DataView): boolean;
}

export type XattrAnswer = 'none' | 'some' | 'unsupported' | 'gone' | 'failed';

interface Parts {
  readonly stats: StatCalls;
  readonly llistxattr: (path: bigint, list: bigint, sizeBytes: bigint) => number;
  readonly errno: () => number;
  readonly pointerOf: (memory: Buffer) => bigint;
}

/** One at a time: the answer of a look stands until the next. */
export class LookCalls {
  readonly #stats: StatCalls;
  readonly #llistxattr: Parts['llistxattr'];
  readonly #errno: () => number;
  readonly #memory: Buffer;
  readonly #fields: LookFields;
  readonly #textAt: bigint;
  readonly #answerAt: bigint;

  constructor({ stats, llistxattr, errno, pointerOf }: Parts) {
    this.#stats = stats;
    this.#llistxattr = llistxattr;
    this.#errno = errno;
    this.#memory = Buffer.from(new ArrayBuffer(TEXT_BYTES + ANSWER_BYTES));
    this.#fields = new LookFields(new DataView(this.#memory.buffer, TEXT_BYTES, ANSWER_BYTES), stats.at);
    this.#textAt = pointerOf(this.#memory);
    this.#answerAt = this.#textAt + BigInt(TEXT_BYTES);
  }

  /** What a name is, which is not followed: `gone` where nothing has the name, else `failed`. */
  stat(dirFd: number, name: string): LookFields | 'gone' | 'failed' {
    this.#text(name);
    return this.#answer(this.#stats.name(dirFd, this.#textAt, this.#answerAt));
  }

  /** The same of a name in the working folder. */
  statHere(name: string): LookFields | 'gone' | 'failed' {
    this.#text(name);
    return this.#answer(this.#stats.here(this.#textAt, this.#answerAt));
  }

  /** The same of an open file. */
  statOf(fd: number): LookFields | 'failed' {
    this.#memory[0] = 0;
    const found = this.#answer(this.#stats.open(fd, this.#textAt, this.#answerAt));
    return found === 'gone' ? 'failed' : found;
  }

  /** Whether an entry has extended attributes; llistxattr(2). */
  xattrs(path: string): XattrAnswer {
    this.#text(path);
    const bytes = this.#llistxattr(this.#textAt, 0n, 0n);
    if (bytes >= 0) return bytes === 0 ? 'none' : 'some';
    const errno = this.#errno();
    if (errno === ENOTSUP) return 'unsupported';
    return errno === ENOENT ? 'gone' : 'failed';
  }

  #answer(isThere: boolean): LookFields | 'gone' | 'failed' {
    if (!isThere) return this.#errno() === ENOENT ? 'gone' : 'failed';
    return this.#stats.isWhole(this.#fields.view) ? this.#fields : 'failed';
  }

  #text(text: string): void {
    const end = this.#memory.write(text, 0, TEXT_BYTES - 1, 'utf8');
    this.#memory[end] = 0;
  }
}

interface StatFunctions {
  lstat(name: bigint, into: bigint): number;
  fstat(fd: number, into: bigint): number;
  fstatat(dirFd: number, name: bigint, into: bigint, flags: number): number;
}

/** Null where libc has no such functions (glibc before 2.33), or the layout of their answers is not known. */
function bindStat(): StatCalls | null {
  const at = STAT_OF[process.arch];
  const libc = bindLibc<StatFunctions>({
    lstat: { return: 'i32', arguments: ['u64', 'u64'] },
    fstat: { return: 'i32', arguments: ['i32', 'u64'] },
    fstatat: { return: 'i32', arguments: ['i32', 'u64', 'u64', 'i32'] },
  });
  if (at === undefined || libc === null || !LITTLE) return null;
  const { lstat, fstat, fstatat } = libc.functions;
  return {
    at,
    name: (dirFd, name, into) => fstatat(dirFd, name, into, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) === 0,
    here: (name, into) => lstat(name, into) === 0,
    open: (fd, _empty, into) => fstat(fd, into) === 0,
    isWhole: () => true,
  };
}

interface StatxFunctions {
  statx(dirFd: number, name: bigint, flags: number, mask: number, into: bigint): number;
}

/** The working folder in the place of an open one. */
const AT_FDCWD = -100;

function bindStatx(): StatCalls | null {
  const libc = bindLibc<StatxFunctions>({
    statx: { return: 'i32', arguments: ['i32', 'u64', 'i32', 'u32', 'u64'] },
  });
  if (libc === null) return null;
  const { statx } = libc.functions;
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  return {
    at: STATX,
    name: (dirFd, name, into) => statx(dirFd, name, flags, BASIC, into) === 0,
    here: (name, into) => statx(AT_FDCWD, name, flags, BASIC, into) === 0,
    open: (fd, empty, into) => statx(fd, empty, AT_EMPTY_PATH, BASIC, into) === 0,
    isWhole: (view) => (view.getUint32(0, LITTLE) & BASIC) === BASIC,
  };
}

/** By the name of the call; the first is the quickest. */
export const LOOK_WAYS: ReadonlyMap<string, () => StatCalls | null> = new Map([
  ['stat', bindStat],
  ['statx', bindStatx],
]);

/** Null where the calls cannot be bound: the longer way does it then. Called once in a thread. */
export function bindLookCalls(ways: Iterable<() => StatCalls | null> = LOOK_WAYS.values()): LookCalls | null {
  for (const bind of ways) {
    const stats = bind();
    const calls = stats === null ? null : lookCallsOf(stats);
    if (calls !== null && answersRight(calls)) return calls;
  }
  return null;
}

function lookCallsOf(stats: StatCalls): LookCalls | null {
  const libc = bindLibc<{ llistxattr: Parts['llistxattr']; __errno_location(): bigint }>({
    llistxattr: { return: 'i32', arguments: ['u64', 'u64', 'u64'] },
  });
  if (libc === null) return null;
  const { getInt32, getRawPointer } = loadFfi();
  const errnoAt = libc.functions.__errno_location();
  const { llistxattr } = libc.functions;
  return new LookCalls({ stats, llistxattr, errno: () => getInt32(errnoAt), pointerOf: getRawPointer });
}

/** A wrong binding, or another layout, must show here, not as wrong data later. */
function answersRight(calls: LookCalls): boolean {
  if (calls.stat(-1, 'x') !== 'failed' || calls.statOf(-1) !== 'failed') return false;
  return ['/', process.execPath].some((path) => isRightOf(calls, path)); // one of them may change meanwhile, or be gone
}

function isRightOf(calls: LookCalls, path: string): boolean {
  const found = calls.statHere(path);
  const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (typeof found === 'string' || stat === undefined) return false;
  return (
    found.inode === stat.ino &&
    BigInt(found.linkCount) === stat.nlink &&
    BigInt(found.mode) === stat.mode &&
    BigInt(found.userId) === stat.uid &&
    BigInt(found.groupId) === stat.gid &&
    BigInt(found.sizeBytes) === stat.size &&
    BigInt(found.allocatedBytes) === stat.blocks * 512n &&
    found.mtimeNs === stat.mtimeNs &&
    found.ctimeNs === stat.ctimeNs
  );
}
