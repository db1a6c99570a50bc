import { constants, endianness } from 'node:os';
import { performance } from 'node:perf_hooks';
import { assert } from '../../base/assert.ts';
import type { DiskFile } from '../disk.ts';
import type { FileSender } from '../file_sender.ts';
import { NodeFile } from './file.ts';
import { bindLibc, type Libc } from './libc.ts';
import { loadFfi } from './syscalls.ts';

/** Linux. */
const F_DUPFD_CLOEXEC = 1_030;
const SHUT_RDWR = 2;
const POLLOUT = 4;
/** A client that leaves its buffer full for longer is served in another way, which holds up no thread. */
const FULL_MS = 5;
const MSG_NOSIGNAL = 0x4000;
/** What was read is still in the cache of the processor when it is sent. */
const MEMORY_BYTES = 256 * 1024;

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

class NodeFileSender implements FileSender {
  readonly #c: Functions;
  readonly #errno: () => number;
  readonly #memory: Uint8Array;
  readonly #at: bigint;
  readonly #pollfd = new Uint8Array(8);

  constructor(c: Functions, errno: () => number, { memory, at }: { memory: Uint8Array; at: bigint }) {
    this.#c = c;
    this.#errno = errno;
    this.#memory = memory;
    this.#at = at;
  }

  send(
    file: DiskFile,
    fd: number,
    { offset, lengthBytes, forMs }: { offset: number; lengthBytes: number; forMs: number },
  ): number {
    assert(file instanceof NodeFile, 'the file is of this machine');
    const { fd: fromFd, giveBack } = file.lend();
    const untilMs = performance.now() + forMs;
    let sent = 0;
    try {
      while (sent < lengthBytes && performance.now() < untilMs) {
        const wanted = Math.min(this.#memory.byteLength, lengthBytes - sent);
        const count = Number(this.#c.pread(fromFd, this.#at, BigInt(wanted), BigInt(offset + sent)));
        if (count <= 0) break;
        const taken = this.#sendAll(fd, count);
        sent += taken;
        if (taken < count) break;
      }
      return sent;
    } finally {
      giveBack();
    }
  }

  /** How many of the first `count` bytes in memory the connection has taken. */
  #sendAll(fd: number, count: number): number {
    let sent = 0;
    while (sent < count) {
      const taken = Number(this.#c.send(fd, this.#at + BigInt(sent), BigInt(count - sent), MSG_NOSIGNAL));
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
    return this.#c.poll(this.#pollfd, 1n, FULL_MS) > 0;
  }
}

/** Null where the calls cannot be bound: bytes are read and written then. Called once in a thread. */
export function createFileSender(): FileSender | null {
  const libc = calls();
  if (libc === null) return null;
  const { getInt32, getRawPointer } = loadFfi();
  const errnoAt = libc.functions.__errno_location();
  const memory = new Uint8Array(new ArrayBuffer(MEMORY_BYTES));
  return new NodeFileSender(libc.functions, () => getInt32(errnoAt), { memory, at: getRawPointer(memory) });
}
