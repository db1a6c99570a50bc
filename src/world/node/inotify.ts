import { closeSync } from 'node:fs';
import { constants, endianness } from 'node:os';
import { assert } from '../../base/assert.ts';
import { fromUtf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import type { Dir } from '../disk.ts';
import type { FolderHint, FolderHints, TakenHints } from '../folder_hints.ts';
import { NodeDir } from './dir.ts';
import { diskError } from './disk_errors.ts';
import { bindLibc, type Libc } from './libc.ts';
import { loadFfi, SystemCallError } from './syscalls.ts';

/* inotify(7). Linux alone. */

const { EAGAIN, EINTR, EMFILE, ENOSPC } = constants.errno;
const NONBLOCK_CLOEXEC = 0o2004000;

const MODIFY = 0x2;
const ATTRIB = 0x4;
const CLOSE_WRITE = 0x8;
const MOVED_FROM = 0x40;
const MOVED_TO = 0x80;
const CREATE = 0x100;
const DELETE = 0x200;
const Q_OVERFLOW = 0x4000;
const ONLYDIR = 0x0100_0000;
const EXCL_UNLINK = 0x0400_0000;
const WANTED =
  MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | ONLYDIR | EXCL_UNLINK;

/** `struct inotify_event` before its name. */
const HEAD_BYTES = 16;
const READ_BYTES = 64 * 1024;
const LITTLE = endianness() === 'LE';

interface Functions {
  inotify_init1(flags: number): number;
  inotify_add_watch(fd: number, path: string, mask: number): number;
  inotify_rm_watch(fd: number, watch: number): number;
  read(fd: number, into: bigint, sizeBytes: bigint): bigint;
  __errno_location(): bigint;
}

class Inotify implements FolderHints {
  readonly #libc: Libc<Functions>;
  readonly #errno: () => number;
  readonly #fd: number;
  readonly #memory = Buffer.from(new ArrayBuffer(READ_BYTES));
  readonly #view = new DataView(this.#memory.buffer);
  readonly #memoryAt: bigint;
  #isOpen = true;

  constructor(libc: Libc<Functions>, fd: number) {
    const { getInt32, getRawPointer } = loadFfi();
    const errnoAt = libc.functions.__errno_location();
    this.#libc = libc;
    this.#errno = () => getInt32(errnoAt);
    this.#fd = fd;
    this.#memoryAt = getRawPointer(this.#memory);
  }

  watch(dir: Dir): number {
    assert(dir instanceof NodeDir, 'the folder is one of this machine');
    const { functions, check } = this.#libc;
    const folderFd = dir.enterFd();
    try {
      const path = `/proc/self/fd/${folderFd}`;
      return check('inotify_add_watch', functions.inotify_add_watch(this.#fd, path, WANTED));
    } catch (failure) {
      if (failure instanceof SystemCallError && failure.errno === ENOSPC) throw tooMany(failure);
      throw diskError('watch', dir.shown('.'), failure);
    } finally {
      dir.leaveFd();
    }
  }

  /** That it is gone already is no failure: the kernel ends the watch of a removed folder by itself. */
  unwatch(watch: number): void {
    this.#libc.functions.inotify_rm_watch(this.#fd, watch);
  }

  take(maxHints: number): TakenHints {
    const hints: FolderHint[] = [];
    let isLossy = false;
    for (;;) {
      const count = Number(this.#libc.functions.read(this.#fd, this.#memoryAt, BigInt(READ_BYTES)));
      if (count < 0 && this.#errno() === EINTR) continue;
      if (count < 0 && this.#errno() !== EAGAIN) isLossy = true;
      if (count <= 0) return { hints: isLossy ? [] : hints, isLossy };
      isLossy = !this.#parse(count, isLossy ? null : hints) || isLossy;
      if (hints.length > maxHints) isLossy = true;
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#fd);
  }

  /** False where the kernel says that it has lost some. */
  #parse(count: number, into: FolderHint[] | null): boolean {
    let isWhole = true;
    for (let at = 0; at < count; ) {
      const watch = this.#view.getInt32(at, LITTLE);
      const mask = this.#view.getUint32(at + 4, LITTLE);
      const nameBytes = this.#view.getUint32(at + 12, LITTLE);
      if ((mask & Q_OVERFLOW) !== 0) isWhole = false;
      else if (nameBytes > 0 && into !== null) {
        const field = this.#memory.subarray(at + HEAD_BYTES, at + HEAD_BYTES + nameBytes);
        const end = field.indexOf(0);
        const name = fromUtf8(end < 0 ? field : field.subarray(0, end));
        if (name !== null) into.push({ watch, name, ...kindsOf(mask) });
      }
      at += HEAD_BYTES + nameBytes;
    }
    return isWhole;
  }
}

function kindsOf(mask: number) {
  return {
    appeared: (mask & (CREATE | MOVED_TO)) !== 0,
    movedIn: (mask & MOVED_TO) !== 0,
    movedOut: (mask & MOVED_FROM) !== 0,
    removed: (mask & DELETE) !== 0,
    written: (mask & MODIFY) !== 0,
    closed: (mask & CLOSE_WRITE) !== 0,
    attributes: (mask & ATTRIB) !== 0,
  };
}

function tooMany(cause: unknown): CausewayError {
  return new CausewayError('CW_WATCH_FOLDERS', 'this machine lets its programs watch no more folders', {
    cause,
  });
}

/** See `OpenFolderHints`. */
export function openNodeFolderHints(): FolderHints | null {
  if (process.platform !== 'linux') return null;
  const libc = bindLibc<Functions>({
    inotify_init1: { return: 'i32', arguments: ['i32'] },
    inotify_add_watch: { return: 'i32', arguments: ['i32', 'string', 'u32'] },
    inotify_rm_watch: { return: 'i32', arguments: ['i32', 'i32'] },
    read: { return: 'i64', arguments: ['i32', 'u64', 'u64'] },
  });
  if (libc === null) return null;
  try {
    return new Inotify(libc, libc.check('inotify_init1', libc.functions.inotify_init1(NONBLOCK_CLOEXEC)));
  } catch (failure) {
    if (failure instanceof SystemCallError && failure.errno === EMFILE) throw tooMany(failure);
    throw diskError('watch', 'folders', failure);
  }
}
