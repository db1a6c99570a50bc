import { assert } from '../../base/assert.ts';
import { type Deferred, deferred, observed } from '../../base/deferred.ts';
import { CausewayError } from '../../base/errors.ts';
import type { Conn, PeerInfo } from '../../world/net.ts';

const DEFAULT_CAPACITY_BYTES = 256 * 1024;

export interface MemoryPairOptions {
  /** Bytes that a direction holds before a write waits. Default 256 KiB. */
  readonly capacityBytes?: number;
}

/**
 * Two ends of a pipe within one process, for in-process peers and for tests. Bytes are copied through a ring; when an
 * end is closed, the other one reads what was written before and then finds the end of the stream. Nothing in here waits
 * for the event loop: two ends that never wait for anything else keep it from turning.
 */
export function memoryPair(options: MemoryPairOptions = {}): [Conn, Conn] {
  const capacityBytes = options.capacityBytes ?? DEFAULT_CAPACITY_BYTES;
  const there = new Ring(capacityBytes);
  const back = new Ring(capacityBytes);
  return [new MemoryConn(back, there), new MemoryConn(there, back)];
}

class MemoryConn implements Conn {
  readonly peer: PeerInfo = { description: 'memory', fingerprint: null, tlsGroup: null, tlsCipher: null };
  readonly #in: Ring;
  readonly #out: Ring;

  constructor(incoming: Ring, outgoing: Ring) {
    this.#in = incoming;
    this.#out = outgoing;
  }

  read(into: Uint8Array, minBytes: number): Promise<number> {
    return this.#in.read(into, minBytes);
  }

  write(parts: readonly Uint8Array[]): Promise<void> {
    return this.#out.write(parts);
  }

  async close(): Promise<void> {
    this.#in.closeReader();
    this.#out.closeWriter();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface PendingRead {
  readonly into: Uint8Array;
  readonly minBytes: number;
  filled: number;
  readonly done: Deferred<number>;
}

interface PendingWrite {
  readonly parts: readonly Uint8Array[];
  index: number;
  offset: number;
  readonly done: Deferred<void>;
}

/** One direction: a byte ring with at most one pending read and one pending write. */
class Ring {
  readonly #bytes: Uint8Array;
  #from = 0;
  #held = 0;
  #read: PendingRead | null = null;
  #write: PendingWrite | null = null;
  #writerClosed = false;
  #readerClosed = false;

  constructor(capacityBytes: number) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  read(into: Uint8Array, minBytes: number): Promise<number> {
    assert(this.#read === null, 'one read of a carrier at a time');
    assert(
      minBytes >= 1 && minBytes <= into.byteLength,
      'a read asks for at least one byte and for what fits',
    );
    if (this.#readerClosed) return observed(Promise.reject(closedError()));
    this.#read = { into, minBytes, filled: 0, done: deferred() };
    const done = observed(this.#read.done.promise);
    this.#move();
    return done;
  }

  write(parts: readonly Uint8Array[]): Promise<void> {
    assert(this.#write === null, 'one write of a carrier at a time');
    if (this.#writerClosed || this.#readerClosed) return observed(Promise.reject(closedError()));
    this.#write = { parts, index: 0, offset: 0, done: deferred() };
    const done = observed(this.#write.done.promise);
    this.#move();
    return done;
  }

  closeReader(): void {
    this.#readerClosed = true;
    this.#read?.done.reject(closedError());
    this.#read = null;
    this.#failWrite();
  }

  closeWriter(): void {
    this.#writerClosed = true;
    this.#failWrite();
    this.#move();
  }

  #failWrite(): void {
    this.#write?.done.reject(closedError());
    this.#write = null;
  }

  #move(): void {
    while (this.#fill() + this.#empty() > 0);
    const read = this.#read;
    if (read === null) return;
    if (read.filled < read.minBytes && !(this.#writerClosed && this.#held === 0)) return;
    this.#read = null;
    read.done.resolve(read.filled);
  }

  /** Moves from the pending write into the ring; returns the count. */
  #fill(): number {
    const write = this.#write;
    let moved = 0;
    while (write !== null) {
      const part = write.parts[write.index];
      if (part === undefined) {
        this.#write = null;
        write.done.resolve();
        break;
      }
      const at = (this.#from + this.#held) % this.#bytes.byteLength;
      const room = Math.min(this.#bytes.byteLength - this.#held, this.#bytes.byteLength - at);
      const count = Math.min(room, part.byteLength - write.offset);
      this.#bytes.set(part.subarray(write.offset, write.offset + count), at);
      this.#held += count;
      moved += count;
      write.offset += count;
      if (write.offset < part.byteLength) {
        if (count === 0) break;
        continue;
      }
      write.index += 1;
      write.offset = 0;
    }
    return moved;
  }

  /** Moves from the ring into the pending read; returns the count. */
  #empty(): number {
    const read = this.#read;
    let moved = 0;
    while (read !== null && this.#held > 0 && read.filled < read.into.byteLength) {
      const run = Math.min(this.#held, this.#bytes.byteLength - this.#from);
      const count = Math.min(run, read.into.byteLength - read.filled);
      read.into.set(this.#bytes.subarray(this.#from, this.#from + count), read.filled);
      read.filled += count;
      this.#from = (this.#from + count) % this.#bytes.byteLength;
      this.#held -= count;
      moved += count;
    }
    return moved;
  }
}

function closedError(): CausewayError {
  return new CausewayError('CW_LINK_CLOSED', 'the connection is closed');
}
