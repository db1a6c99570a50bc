import fs from 'node:fs';
import { constants, endianness } from 'node:os';
import { performance } from 'node:perf_hooks';
import { assert } from '../../base/assert.ts';
import type { DiskFile } from '../disk.ts';
import type { FileSender, SentPart } from '../file_sender.ts';
import { NodeFile } from './file.ts';
import { bindFileWindows } from './file_windows.ts';
import { bindLibc, type Libc } from './libc.ts';
import { loadFfi } from './syscalls.ts';

/** Linux. */
const F_DUPFD_CLOEXEC = 1_030;
const SHUT_RDWR = 2;
const POLLOUT = 4;
/** A client that leaves its buffer full for longer is served in another way, which holds up no thread. */
const FULL_MS = 5;
/** The same where nobody waits for the thread. */
const FULL_ALONE_MS = 50;
const MSG_NOSIGNAL = 0x4000;
/** What was read is still in the cache of the processor when it is sent. */
const MEMORY_BYTES = 256 * 1024;
/** Of a file that is sent out of its own pages; a multiple of the page size of each architecture. */
const WINDOW_BYTES = 8 * 1024 * 1024;
/** Of such a window, between two looks at the time. */
const PIECE_BYTES = 1024 * 1024;
/** At the end of what is sent, which is read: no less than a page. */
const LAST_BYTES = 64 * 1024;
const STAT_BLOCK_BYTES = 512;

interface Functions {
  pread(fd: number, into: bigint, sizeBytes: bigint, offset: bigint): bigint;
  send(fd: number, from: bigint, sizeBytes: bigint, flags: number): bigint;
  poll(fds: Uint8Array, count: bigint, timeoutMs: number): number;
  fcntl(fd: number, command: number, value: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  __errno_location(): bigint;
}

let bound: Libc<Functions> | null | undefined;

function calls(): Libc<Functions> | null {
  bound ??= process.platform === 'linux' && endianness() === 'LE' ? bind() : null;
  return bound;
}

function bind(): Libc<Functions> | null {
  return bindLibc<Functions>({
    pread: { return: 'i64', arguments: ['i32', 'u64', 'u64', 'i64'] },
    send: { return: 'i64', arguments: ['i32', 'u64', 'u64', 'i32'] },
    poll: { return: 'i32', arguments: ['pointer', 'u64', 'i32'] },
    fcntl: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
    shutdown: { return: 'i32', arguments: ['i32', 'i32'] },
    close: { return: 'i32', arguments: ['i32'] },
  });
}

/** A second descriptor of a connection: whoever closes the first one cannot make another file of its number. */
export interface SecondDescriptor {
  readonly fd: number;
  /** Breaks the connection: a call that waits on it ends. */
  shutdown(): void;
  close(): void;
}

/** Null where there is none to be had. */
export function secondDescriptor(fd: number): SecondDescriptor | null {
  const libc = calls();
  const own = libc?.functions.fcntl(fd, F_DUPFD_CLOEXEC, 3) ?? -1;
  if (libc === null || own < 0) return null;
  const { shutdown, close } = libc.functions;
  return { fd: own, shutdown: () => void shutdown(own, SHUT_RDWR), close: () => void close(own) };
}

/** A part of a file that is being sent, and how long that may take. */
interface Sending {
  readonly fromFd: number;
  readonly toFd: number;
  readonly offset: number;
  readonly lengthBytes: number;
  readonly isOver: () => boolean;
  sent: number;
}

class NodeFileSender implements FileSender {
  readonly #c: Functions;
  readonly #errno: () => number;
  readonly #isAwaited: () => boolean;
  readonly #windows = bindFileWindows();
  readonly #memory: Uint8Array;
  readonly #at: bigint;
  readonly #pollfd = new Uint8Array(8);

  constructor(
    c: Functions,
    ways: { readonly errno: () => number; readonly isAwaited: () => boolean },
    { memory, at }: { memory: Uint8Array; at: bigint },
  ) {
    this.#c = c;
    this.#errno = ways.errno;
    this.#isAwaited = ways.isAwaited;
    this.#memory = memory;
    this.#at = at;
  }

  send(file: DiskFile, fd: number, { offset, lengthBytes, forMs, aloneMs }: SentPart): number {
    assert(file instanceof NodeFile, 'the file is of this machine');
    const { fd: fromFd, giveBack } = file.lend();
    const sinceMs = performance.now();
    const isOver = () => performance.now() - sinceMs >= (this.#isAwaited() ? forMs : aloneMs);
    const sending: Sending = { fromFd, toFd: fd, offset, lengthBytes, isOver, sent: 0 };
    try {
      if (!isWhole(fromFd) || this.#sendMapped(sending)) this.#sendRead(sending);
      return sending.sent;
    } finally {
      giveBack();
    }
  }

  /** Out of memory that bytes are read into first. */
  #sendRead(sending: Sending): void {
    const { fromFd, toFd, offset, lengthBytes, isOver } = sending;
    while (sending.sent < lengthBytes && !isOver()) {
      const wanted = Math.min(this.#memory.byteLength, lengthBytes - sending.sent);
      const count = Number(this.#c.pread(fromFd, this.#at, BigInt(wanted), BigInt(offset + sending.sent)));
      if (count <= 0) return;
      const taken = this.#sendAll(toFd, this.#at, count);
      sending.sent += taken;
      if (taken < count) return;
    }
  }

  /**
   * Out of the pages of the file, which are copied once and not twice; its last bytes are left to be read. False where the
   * connection takes no more now. A file that others cut meanwhile has zeros up to the end of a page, and then an error of the
   * call and no signal, since only the system touches the pages; that it is shorter shows when the last bytes are read.
   */
  #sendMapped(sending: Sending): boolean {
    const { fromFd, offset, isOver } = sending;
    const lengthBytes = sending.lengthBytes - LAST_BYTES;
    while (sending.sent < lengthBytes && !isOver()) {
      const from = offset + sending.sent;
      const start = from - (from % WINDOW_BYTES);
      const sizeBytes = Math.min(start + WINDOW_BYTES, offset + lengthBytes) - start;
      const at = this.#windows?.open(fromFd, start, sizeBytes) ?? null;
      if (at === null) return true;
      try {
        if (!this.#sendWindow(sending, at + BigInt(from - start), sizeBytes - (from - start))) return false;
      } finally {
        this.#windows?.close(at, sizeBytes);
      }
    }
    return true;
  }

  #sendWindow(sending: Sending, at: bigint, sizeBytes: number): boolean {
    for (let done = 0; done < sizeBytes && !sending.isOver(); ) {
      const wanted = Math.min(PIECE_BYTES, sizeBytes - done);
      const taken = this.#sendAll(sending.toFd, at + BigInt(done), wanted);
      done += taken;
      sending.sent += taken;
      if (taken < wanted) return false;
    }
    return true;
  }

  /** How many of the `count` bytes at that place in memory the connection has taken. */
  #sendAll(fd: number, at: bigint, count: number): number {
    let sent = 0;
    while (sent < count) {
      const taken = Number(this.#c.send(fd, at + BigInt(sent), BigInt(count - sent), MSG_NOSIGNAL));
      if (taken > 0) sent += taken;
      else if (!this.#isBusy() || !this.#takesMore(fd)) break;
    }
    return sent;
  }

  #isBusy(): boolean {
    const { EAGAIN, EINTR } = constants.errno;
    const errno = this.#errno();
    return errno === EAGAIN || errno === EINTR;
  }

  #takesMore(fd: number): boolean {
    const fields = new DataView(this.#pollfd.buffer);
    fields.setInt32(0, fd, true);
    fields.setInt16(4, POLLOUT, true);
    return this.#c.poll(this.#pollfd, 1n, this.#isAwaited() ? FULL_MS : FULL_ALONE_MS) > 0;
  }
}

/** Mapped holes may take memory of a file system that has none to spare. */
function isWhole(fd: number): boolean {
  const { size, blocks } = fs.fstatSync(fd);
  return blocks * STAT_BLOCK_BYTES >= size;
}

/** `isAwaited`: others wait for this thread. Null where the calls cannot be bound: bytes are read and written then. Called once in a thread. */
export function createFileSender(isAwaited: () => boolean): FileSender | null {
  const libc = calls();
  if (libc === null) return null;
  const { getInt32, getRawPointer } = loadFfi();
  const errnoAt = libc.functions.__errno_location();
  const memory = new Uint8Array(new ArrayBuffer(MEMORY_BYTES));
  const ways = { errno: () => getInt32(errnoAt), isAwaited };
  return new NodeFileSender(libc.functions, ways, { memory, at: getRawPointer(memory) });
}
