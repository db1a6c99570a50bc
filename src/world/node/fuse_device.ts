import { constants } from 'node:os';
import { CausewayError } from '../../base/errors.ts';
import { bindLibc } from './libc.ts';
import { ShortLook } from './short_look.ts';
import { loadFfi } from './syscalls.ts';

const { EAGAIN, EINTR, ENOENT } = constants.errno;
const POLLIN = 1;
const POLLFD_BYTES = 8;
/** Requests between looks whether to stop. */
const STOP_EVERY = 64;
/** FUSE_DEV_IOC_BACKING_OPEN and _CLOSE. */
const IOC_BACKING_OPEN = 0x4010e501n;
const IOC_BACKING_CLOSE = 0x4004e502n;

interface Functions {
  poll(fds: bigint, count: bigint, timeoutMs: number): number;
  read(fd: number, into: bigint, sizeBytes: bigint): bigint;
  write(fd: number, from: bigint, sizeBytes: bigint): bigint;
  ioctl(fd: number, request: bigint, argument: bigint): number;
  __errno_location(): bigint;
}

/** /dev/fuse, with a mount behind it, in the thread that serves it. */
export interface FuseDevice {
  /** Waits for a request and puts it there in the memory: its size, or null once the mount has ended or shall end. */
  next(at?: number): number | null;
  /** The same without waiting: 0 where there is none, null once the mount has ended. */
  tryNext(at: number): number | null;
  /** Sends what lies there. A request that nobody waits for any more is no failure. */
  send(at: number, sizeBytes: number): void;
  /** Lets the kernel move bytes of an open file by itself: an id above 0, or an error. */
  openBacking(fd: number): number;
  closeBacking(id: number): void;
}

/** `stopFd` becomes readable when serving shall end. `memory` has room for `requestBytes` wherever a request is put. */
export function openFuseDevice(fd: number, stopFd: number, memory: Buffer, requestBytes: number): FuseDevice {
  const libc = bindLibc<Functions>({
    poll: { return: 'i32', arguments: ['u64', 'u64', 'i32'] },
    read: { return: 'i64', arguments: ['i32', 'u64', 'u64'] },
    write: { return: 'i64', arguments: ['i32', 'u64', 'u64'] },
    ioctl: { return: 'i32', arguments: ['i32', 'u64', 'u64'] },
  });
  if (libc === null) throw new CausewayError('CW_UNSUPPORTED', 'this machine cannot serve a mount');
  const { functions: c } = libc;
  const { getInt32, getRawPointer } = loadFfi();
  const errnoAt = c.__errno_location();
  const base = getRawPointer(memory);
  const polled = Buffer.from(new ArrayBuffer(2 * POLLFD_BYTES + 16));
  const polledAt = getRawPointer(polled);
  for (const [index, one] of [fd, stopFd].entries()) {
    polled.writeInt32LE(one, index * POLLFD_BYTES);
    polled.writeInt16LE(POLLIN, index * POLLFD_BYTES + 4);
  }
  const scratchAt = polledAt + BigInt(2 * POLLFD_BYTES);
  const read = (at: number): number | null => {
    const count = Number(c.read(fd, base + BigInt(at), BigInt(requestBytes)));
    if (count > 0) return count;
    const errno = getInt32(errnoAt);
    return count === 0 || (errno !== EAGAIN && errno !== EINTR && errno !== ENOENT) ? null : 0;
  };
  const sleep = (at: number): number | null => {
    for (;;) {
      if (c.poll(polledAt, 2n, -1) < 0) continue;
      if (polled.readInt16LE(POLLFD_BYTES + 6) !== 0) return null;
      const count = read(at);
      if (count !== 0) return count;
    }
  };
  /** However busy the programs are, the end is heard of. */
  const isStopped = (): boolean =>
    c.poll(polledAt + BigInt(POLLFD_BYTES), 1n, 0) > 0 && polled.readInt16LE(POLLFD_BYTES + 6) !== 0;
  let taken = 0;
  const short = new ShortLook(() => performance.now());
  const isNothing = (found: number | null): boolean => found === 0;
  return {
    tryNext: read,
    next: (at = 0) => {
      taken += 1;
      if (taken % STOP_EVERY === 0 && isStopped()) return null;
      return short.next(
        () => read(at),
        () => sleep(at),
        isNothing,
      );
    },
    send: (at, sizeBytes) => void c.write(fd, base + BigInt(at), BigInt(sizeBytes)),
    openBacking: (backingFd) => {
      polled.fill(0, 2 * POLLFD_BYTES);
      polled.writeInt32LE(backingFd, 2 * POLLFD_BYTES);
      return c.ioctl(fd, IOC_BACKING_OPEN, scratchAt);
    },
    closeBacking: (id) => {
      polled.writeInt32LE(id, 2 * POLLFD_BYTES);
      c.ioctl(fd, IOC_BACKING_CLOSE, scratchAt);
    },
  };
}
