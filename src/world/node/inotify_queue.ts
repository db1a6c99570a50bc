import { closeSync } from 'node:fs';
import { constants, endianness } from 'node:os';
import { bindLibc, type Libc } from './libc.ts';
import { loadFfi } from './syscalls.ts';

/* The five calls of inotify(7). Linux alone. */

const { EAGAIN, EINTR } = constants.errno;
const NONBLOCK_CLOEXEC = 0o2004000;
/** `struct inotify_event` before its name. */
const HEAD_BYTES = 16;
const READ_BYTES = 64 * 1024;
const LITTLE = endianness() === 'LE';

/** Bits of the mask of an event. */
export const INOTIFY = {
  modify: 0x2,
  attributes: 0x4,
  closeWrite: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  unmounted: 0x2000,
  overflow: 0x4000,
  ended: 0x8000,
  onlyFolders: 0x0100_0000,
  notOfNameless: 0x0400_0000,
} as const;

interface Functions {
  inotify_init1(flags: number): number;
  inotify_add_watch(fd: number, path: string, mask: number): number;
  inotify_rm_watch(fd: number, watch: number): number;
  read(fd: number, into: bigint, sizeBytes: bigint): bigint;
  __errno_location(): bigint;
}

/** Gets one event; the bytes of the name are there during the call only. */
export type TakeEvent = (watch: number, mask: number, name: Uint8Array) => void;

/** One queue of events of the kernel. */
export class InotifyQueue {
  readonly #functions: Functions;
  readonly #errno: () => number;
  readonly #fd: number;
  readonly #memory = Buffer.from(new ArrayBuffer(READ_BYTES));
  readonly #view = new DataView(this.#memory.buffer);
  readonly #memoryAt: bigint;
  #isOpen = true;

  private constructor({ functions }: Libc<Functions>, fd: number) {
    const { getInt32, getRawPointer } = loadFfi();
    const errnoAt = functions.__errno_location();
    this.#functions = functions;
    this.#errno = () => getInt32(errnoAt);
    this.#fd = fd;
    this.#memoryAt = getRawPointer(this.#memory);
  }

  /** Null where there is no inotify. Throws a SystemCallError where all there are of it are in use. */
  static open(): InotifyQueue | null {
    if (process.platform !== 'linux') return null;
    const libc = bindLibc<Functions>({
      inotify_init1: { return: 'i32', arguments: ['i32'] },
      inotify_add_watch: { return: 'i32', arguments: ['i32', 'string', 'u32'] },
      inotify_rm_watch: { return: 'i32', arguments: ['i32', 'i32'] },
      read: { return: 'i64', arguments: ['i32', 'u64', 'u64'] },
    });
    if (libc === null) return null;
    const fd = libc.check('inotify_init1', libc.functions.inotify_init1(NONBLOCK_CLOEXEC));
    return new InotifyQueue(libc, fd);
  }

  /** Watches the folder that a descriptor stands for: the same number for the same folder, or the negated errno. */
  add(folderFd: number, mask: number): number {
    const watch = this.#functions.inotify_add_watch(this.#fd, `/proc/self/fd/${folderFd}`, mask);
    return watch < 0 ? -this.#errno() : watch;
  }

  /** That it is gone already is no failure: the kernel ends the watch of a removed folder by itself. */
  remove(watch: number): void {
    this.#functions.inotify_rm_watch(this.#fd, watch);
  }

  /** All that has come since the last call, in the kernel's order. False where that cannot be read. */
  take(each: TakeEvent): boolean {
    for (;;) {
      const count = Number(this.#functions.read(this.#fd, this.#memoryAt, BigInt(READ_BYTES)));
      if (count < 0 && this.#errno() === EINTR) continue;
      if (count <= 0) return count === 0 || this.#errno() === EAGAIN;
      this.#parse(count, each);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#fd);
  }

  #parse(count: number, each: TakeEvent): void {
    for (let at = 0; at < count; ) {
      const nameBytes = this.#view.getUint32(at + 12, LITTLE);
      const field = this.#memory.subarray(at + HEAD_BYTES, at + HEAD_BYTES + nameBytes);
      const end = field.indexOf(0);
      const name = end < 0 ? field : field.subarray(0, end);
      each(this.#view.getInt32(at, LITTLE), this.#view.getUint32(at + 4, LITTLE), name);
      at += HEAD_BYTES + nameBytes;
    }
  }
}
