import { constants, endianness } from 'node:os';
import { assert } from '../../base/assert.ts';
import { fromUtf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Dir, EntryKind } from '../disk.ts';
import type { FolderScan, ScannedEntry } from '../folder_scan.ts';
import { NodeDir } from './dir.ts';
import { diskError } from './disk_errors.ts';
import { bindLibc } from './libc.ts';
import { deviceIdOf, LookFields, STATX } from './look_fields.ts';
import { loadFfi, SystemCallError } from './syscalls.ts';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
/** STATX_BASIC_STATS: what stat(2) tells. */
const BASIC = 0x7ff;
const SEEK_SET = 0;

/** Memory: entries as getdents64(2) tells them, a `struct statx`, then a path and the name of an attribute. */
const LIST_BYTES = 64 * 1024;
const STATX_BYTES = 256;
const TEXTS_BYTES = 1_024;

/** `struct linux_dirent64`: inode, place of the next entry, length, type, name with its NUL. */
const DIRENT = { next: 8, length: 16, name: 19 } as const;

const KIND_MASK = 0o170000;
const KINDS: ReadonlyMap<number, EntryKind> = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
]);

interface Functions {
  getdents64(fd: number, into: bigint, sizeBytes: bigint): bigint;
  lseek(fd: number, offset: bigint, whence: number): bigint;
  statx(dirFd: number, name: bigint, flags: number, mask: number, into: bigint): number;
  lgetxattr(path: bigint, name: bigint, value: bigint, sizeBytes: bigint): bigint;
  __errno_location(): bigint;
}

interface Calls {
  readonly c: Functions;
  readonly errno: () => number;
  readonly memory: Buffer;
  readonly at: bigint;
}

/** What statx(2) told last, and the name. */
class Entry implements ScannedEntry {
  name = '';
  kind: EntryKind = 'other';
  readonly #calls: Calls;
  readonly #view: DataView;
  readonly #fields: LookFields;
  fd = -1;

  constructor(calls: Calls) {
    const { buffer, byteOffset } = calls.memory;
    this.#calls = calls;
    this.#view = new DataView(buffer, byteOffset + LIST_BYTES, STATX_BYTES);
    this.#fields = new LookFields(this.#view, STATX);
  }

  /** False where it is gone. Throws a SystemCallError. */
  look(nameAt: number): boolean {
    const { c, at, errno } = this.#calls;
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (c.statx(this.fd, at + BigInt(nameAt), flags, BASIC, at + BigInt(LIST_BYTES)) !== 0) {
      const failure = errno();
      if (failure === constants.errno.ENOENT) return false;
      throw new SystemCallError('statx', failure);
    }
    this.kind = KINDS.get(this.#fields.mode & KIND_MASK) ?? 'other';
    return true;
  }

  get sizeBytes(): number {
    return this.#view.getUint32(40, true) + this.#view.getUint32(44, true) * 2 ** 32;
  }

  get mtimeS(): number {
    return this.#view.getUint32(112, true) + this.#view.getInt32(116, true) * 2 ** 32;
  }

  get linkCount(): number {
    return this.#fields.linkCount;
  }

  get mtimeNs(): bigint {
    return this.#fields.mtimeNs;
  }

  get ctimeNs(): bigint {
    return this.#fields.ctimeNs;
  }

  get id(): string {
    return `${deviceIdOf(this.#view.getUint32(136, true), this.#view.getUint32(140, true))}:${this.#fields.inode}`;
  }

  hasXattr(name: string): boolean {
    const { c, at, memory, errno } = this.#calls;
    const pathAt = LIST_BYTES + STATX_BYTES;
    const nameAt = pathAt + putText(memory, pathAt, `/proc/self/fd/${this.fd}/${this.name}`);
    putText(memory, nameAt, name);
    if (c.lgetxattr(at + BigInt(pathAt), at + BigInt(nameAt), 0n, 0n) >= 0n) return true;
    const failure = errno();
    return failure !== constants.errno.ENODATA && failure !== constants.errno.ENOTSUP;
  }
}

/** With a NUL behind it; how many bytes that takes. */
function putText(memory: Buffer, at: number, text: string): number {
  const end = memory.write(text, at, 'utf8');
  memory[at + end] = 0;
  return end + 1;
}

class NodeFolderScan implements FolderScan {
  readonly #calls: Calls;
  readonly #entry: Entry;
  readonly #view: DataView;

  constructor(calls: Calls) {
    this.#calls = calls;
    this.#entry = new Entry(calls);
    this.#view = new DataView(calls.memory.buffer, calls.memory.byteOffset);
  }

  scan(dir: Dir, visit: (entry: ScannedEntry) => boolean): boolean {
    assert(dir instanceof NodeDir, 'the folder is of this machine');
    const fd = dir.enterFd();
    this.#entry.fd = fd;
    try {
      for (;;) {
        const count = this.#list(fd);
        if (count === 0) return true;
        const place = this.#show(count, visit);
        if (place === null) continue;
        // the next scan begins behind what was shown last
        if (this.#calls.c.lseek(fd, place, SEEK_SET) < 0n)
          throw new SystemCallError('lseek', this.#calls.errno());
        return false;
      }
    } catch (thrown) {
      throw diskError('list', dir.shown(''), thrown);
    } finally {
      dir.leaveFd();
    }
  }

  #list(fd: number): number {
    const { c, at, errno } = this.#calls;
    const count = Number(c.getdents64(fd, at, BigInt(LIST_BYTES)));
    if (count < 0) throw new SystemCallError('getdents64', errno());
    return count;
  }

  /** Where the scan is to go on, if `visit` has had enough; null for the end of what was listed. */
  #show(count: number, visit: (entry: ScannedEntry) => boolean): bigint | null {
    const entry = this.#entry;
    const view = this.#view;
    for (let at = 0; at < count; ) {
      const nameAt = at + DIRENT.name;
      const length = view.getUint16(at + DIRENT.length, true);
      const name = this.#nameAt(nameAt, at + length);
      const isShown = name !== null && name !== '.' && name !== '..';
      if (isShown && entry.look(nameAt)) {
        entry.name = name;
        if (!visit(entry)) return view.getBigInt64(at + DIRENT.next, true);
      }
      at += length;
    }
    return null;
  }

  /** Null for what is no UTF-8, or longer than a name may be. */
  #nameAt(from: number, to: number): string | null {
    const { memory } = this.#calls;
    let end = from;
    let seen = 0;
    for (; end < to && memory[end] !== 0; end += 1) seen |= memory[end]!;
    if (end - from > LIMITS.nameMaxBytes.value) return null;
    return seen < 0x80 ? memory.toString('latin1', from, end) : fromUtf8(memory.subarray(from, end));
  }
}

/** Null where the calls cannot be bound: the longer way does it then. Called once in a thread. */
export function createFolderScan(): FolderScan | null {
  const libc = bindLibc<Functions>({
    getdents64: { return: 'i64', arguments: ['i32', 'u64', 'u64'] },
    lseek: { return: 'i64', arguments: ['i32', 'i64', 'i32'] },
    statx: { return: 'i32', arguments: ['i32', 'u64', 'i32', 'u32', 'u64'] },
    lgetxattr: { return: 'i64', arguments: ['u64', 'u64', 'u64', 'u64'] },
  });
  if (libc === null || endianness() !== 'LE') return null;
  const { getInt32, getRawPointer } = loadFfi();
  const memory = Buffer.from(new ArrayBuffer(LIST_BYTES + STATX_BYTES + TEXTS_BYTES));
  const errnoAt = libc.functions.__errno_location();
  return new NodeFolderScan({
    c: libc.functions,
    errno: () => getInt32(errnoAt),
    memory,
    at: getRawPointer(memory),
  });
}
