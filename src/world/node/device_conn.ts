import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Conn, PeerInfo } from '../net.ts';
import { closedError, cutError, errnoOf, linkError } from './net_errors.ts';
import { plainPeer } from './socket_conn.ts';
import { loadSyscalls } from './syscalls.ts';

/** Waits between looks at a device that has nothing: at once while bytes flow, rarely when it is idle. */
const WAITS_MS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 5, LIMITS.devicePollMaxMs.value];
/** After this many bytes in one go the event loop gets its turn. */
const TURN_BYTES = 256 * 1024;

const open = promisify(fs.open);
const close = promisify(fs.close);

/**
 * A character device as a byte pipe. Node's event loop cannot wait for one, and a blocking read could not be ended, so
 * it is opened non-blocking and looked at: 0 to 10 ms apart. Reading 0 bytes is no end, except for a terminal line
 * that was hung up: a virtio port says so while nobody is connected on the host.
 */
class DeviceConn implements Conn {
  readonly peer: PeerInfo;
  readonly #fd: number;
  readonly #isTerminal: boolean;
  readonly #syscalls = loadSyscalls();
  readonly #wakers = new Set<() => void>();
  #reading = false;
  #writing = false;
  /** Bytes moved since the event loop had its turn. */
  #turnBytes = 0;
  #closing: Promise<void> | null = null;

  constructor(fd: number, path: string, isTerminal: boolean) {
    this.#fd = fd;
    this.#isTerminal = isTerminal;
    this.peer = plainPeer(`serial ${path}`);
  }

  async read(into: Uint8Array, minBytes: number): Promise<number> {
    assert(minBytes >= 1 && minBytes <= into.byteLength, 'a read asks for 1 to all of its bytes');
    assert(!this.#reading, 'one read of a connection is pending at a time');
    this.#reading = true;
    try {
      let filled = 0;
      while (filled < minBytes) {
        const rest = into.subarray(filled);
        filled += await this.#move((count) => this.#readNow(rest.subarray(0, count)));
      }
      return filled;
    } finally {
      this.#reading = false;
    }
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    assert(!this.#writing, 'one write of a connection is pending at a time');
    this.#writing = true;
    try {
      for (const part of parts) {
        for (let at = 0; at < part.byteLength; ) {
          const rest = part.subarray(at);
          at += await this.#move((count) =>
            fs.writeSync(this.#fd, rest, 0, Math.min(count, rest.byteLength)),
          );
        }
      }
    } finally {
      this.#writing = false;
    }
  }

  close(): Promise<void> {
    if (this.#closing === null) {
      this.#closing = close(this.#fd); // calls on the descriptor are synchronous: none is under way
      for (const wake of this.#wakers) wake();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Repeats `transfer` until it has moved at least a byte, and goes on with it for a turn. */
  async #move(transfer: (maxBytes: number) => number): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      if (this.#closing !== null) throw closedError(this.peer.description);
      const moved = this.#attempt(transfer);
      const waitMs = WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)] as number;
      this.#turnBytes += moved;
      if (moved > 0 && this.#turnBytes < TURN_BYTES) return moved;
      this.#turnBytes = 0;
      await this.#pause(moved > 0 ? 0 : waitMs);
      if (moved > 0) return moved;
    }
  }

  /** Reads on until nothing is left: a virtio port gives 4 KiB a call, and a turn of the event loop for each is dear. */
  #readNow(into: Uint8Array): number {
    let filled = 0;
    while (filled < into.byteLength && this.#mayRead()) {
      const count = this.#readOnce(into.subarray(filled), filled > 0);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  /** An EAGAIN as an exception costs twenty times as much as this look; without system calls there is no other way. */
  #mayRead(): boolean {
    return this.#syscalls === null || this.#syscalls.isReadable(this.#fd);
  }

  /** With `some` bytes in hand a failure waits: the next read meets it again. */
  #readOnce(into: Uint8Array, some: boolean): number {
    try {
      const count = fs.readSync(this.#fd, into, 0, into.byteLength, null);
      if (count === 0 && this.#isTerminal) throw cutError(this.peer.description, null);
      return count;
    } catch (thrown) {
      if (some) return 0;
      throw thrown;
    }
  }

  #attempt(transfer: (maxBytes: number) => number): number {
    try {
      return transfer(TURN_BYTES);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === 'EAGAIN' || errno === 'EINTR') return 0;
      throw cutError(this.peer.description, thrown);
    }
  }

  #pause(waitMs: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const cancel = waitMs === 0 ? immediate(() => done()) : timeout(() => done(), waitMs);
      const done = () => {
        this.#wakers.delete(done);
        cancel();
        resolve();
      };
      this.#wakers.add(done);
    });
  }
}

function immediate(run: () => void): () => void {
  const handle = setImmediate(run);
  return () => clearImmediate(handle);
}

function timeout(run: () => void, waitMs: number): () => void {
  const handle = setTimeout(run, waitMs);
  return () => clearTimeout(handle);
}

/** A serial line of terminal type must pass all bytes as they are. */
async function makeRaw(fd: number): Promise<void> {
  const syscalls = loadSyscalls();
  if (syscalls !== null) return syscalls.makeRaw(fd);
  await new Promise<void>((resolve, reject) => {
    const stty = spawn('stty', ['raw', '-echo'], { stdio: [fd, 'ignore', 'ignore'] });
    stty.once('error', reject);
    stty.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`stty ended with ${code}`))));
  });
}

/** Opens a character device (or a FIFO). CW_LINK_REFUSED where there is none or it may not be opened, CW_LINK_BUSY where another program has it. */
export async function dialDevice(path: string): Promise<Conn> {
  const what = `cannot open serial ${path}`;
  const { O_RDWR, O_NONBLOCK, O_NOCTTY } = fs.constants;
  let fd = -1;
  try {
    fd = await open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
    const stats = fs.fstatSync(fd);
    if (!stats.isCharacterDevice() && !stats.isFIFO())
      throw new CausewayError('CW_LINK_REFUSED', `${what}: it is no character device`);
    const isTerminal = isatty(fd);
    if (isTerminal) await makeRaw(fd);
    return new DeviceConn(fd, path, isTerminal);
  } catch (thrown) {
    if (fd >= 0) await close(fd);
    throw linkError(errnoOf(thrown) === 'EBUSY' ? 'CW_LINK_BUSY' : 'CW_LINK_REFUSED', what, thrown);
  }
}
