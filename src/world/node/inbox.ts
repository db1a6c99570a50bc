import { assert } from '../../base/assert.ts';
import type { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';

/** Bytes that arrive while nobody reads land in blocks of this size; a read that follows copies at most about one of them. */
const BLOCK_BYTES = 64 * 1024;
/** Less room than this at the end of a target is not worth a system call of its own; it also is one TLS record. */
const DIRECT_MIN_BYTES = 16 * 1024;

interface PendingRead {
  readonly into: Uint8Array;
  readonly minBytes: number;
  filled: number;
  readonly resolve: (count: number) => void;
  readonly reject: (error: CausewayError) => void;
}

/**
 * The receiving half of a connection: bytes go straight into the array of a pending read where the socket lets the
 * receiver choose the memory (`onread`), and are kept, within LIMITS.connBufferMaxBytes, while there is none.
 */
export class Inbox {
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #pending: PendingRead | null = null;
  /** The target's rest, handed to the socket as its next buffer. */
  #direct: Uint8Array | null = null;
  #block = new Uint8Array(0);
  #blockAt = 0;
  #stopped = false;
  #ended = false;
  #failure: CausewayError | null = null;
  /** Called when a socket that was told to stop may go on. */
  onRoom: (() => void) | null = null;

  read(into: Uint8Array, minBytes: number): Promise<number> {
    assert(minBytes >= 1 && minBytes <= into.byteLength, 'a read asks for 1 to all of its bytes');
    assert(this.#pending === null, 'one read of a connection is pending at a time');
    const filled = this.#takeKept(into);
    if (filled >= minBytes || this.#ended) {
      this.#goOn();
      return Promise.resolve(filled);
    }
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise<number>((resolve, reject) => {
      this.#pending = { into, minBytes, filled, resolve, reject };
      this.#goOn();
    });
  }

  /** Memory for the next bytes of the socket. Valid until the next call. */
  nextBuffer(): Uint8Array {
    const pending = this.#pending;
    if (pending !== null && pending.into.byteLength - pending.filled >= DIRECT_MIN_BYTES) {
      this.#direct = pending.into.subarray(pending.filled);
      return this.#direct;
    }
    this.#direct = null;
    if (this.#keptBytes === 0) this.#blockAt = 0;
    if (this.#block.byteLength - this.#blockAt < DIRECT_MIN_BYTES) {
      this.#block = new Uint8Array(Buffer.allocUnsafeSlow(BLOCK_BYTES).buffer);
      this.#blockAt = 0;
    }
    return this.#block.subarray(this.#blockAt);
  }

  /** The socket put `count` bytes into `buffer`, which {@link nextBuffer} gave. False: the socket must stop reading. */
  landed(count: number, buffer: Uint8Array): boolean {
    const pending = this.#pending;
    if (buffer === this.#direct) {
      if (pending !== null) {
        pending.filled += count;
        this.#settleWhenFilled(pending);
      }
      return true;
    }
    if (buffer.buffer === this.#block.buffer) this.#blockAt = buffer.byteOffset + count;
    return this.arrived(buffer.subarray(0, count));
  }

  /** The socket gave bytes in memory of its own. False: the socket must stop reading. */
  arrived(bytes: Uint8Array): boolean {
    if (this.#failure !== null) return false; // closed: nobody will read it
    let rest = bytes;
    const pending = this.#pending;
    if (pending !== null) {
      const take = Math.min(rest.byteLength, pending.into.byteLength - pending.filled);
      pending.into.set(rest.subarray(0, take), pending.filled);
      pending.filled += take;
      rest = rest.subarray(take);
      this.#settleWhenFilled(pending);
    }
    if (rest.byteLength > 0) {
      this.#kept.push(rest);
      this.#keptBytes += rest.byteLength;
    }
    this.#stopped = this.#pending === null && this.#keptBytes > LIMITS.connBufferMaxBytes.value;
    return !this.#stopped;
  }

  /** No more bytes will come. */
  end(): void {
    if (this.#failure !== null) return;
    this.#ended = true;
    const pending = this.#release();
    pending?.resolve(pending.filled);
  }

  /** The connection is cut: bytes that have arrived can still be read, then reads reject. */
  fail(error: CausewayError): void {
    if (this.#ended || this.#failure !== null) return;
    this.#failure = error;
    this.#release()?.reject(error);
  }

  /** Closed by this side: whatever was kept is gone, and every read rejects. */
  close(error: CausewayError): void {
    this.takeAll();
    this.#ended = false;
    this.#failure = error;
    this.#release()?.reject(error);
  }

  /** Gives bytes back that a read has taken, so that the next one begins with them. */
  putBack(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#kept.unshift(bytes);
    this.#keptBytes += bytes.byteLength;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Takes out everything that was kept. */
  takeAll(): Uint8Array[] {
    this.#keptBytes = 0;
    return this.#kept.splice(0);
  }

  #release(): PendingRead | null {
    const pending = this.#pending;
    this.#pending = null;
    this.#direct = null;
    return pending;
  }

  #settleWhenFilled(pending: PendingRead): void {
    if (pending.filled < pending.minBytes) return;
    this.#release();
    pending.resolve(pending.filled);
  }

  #takeKept(into: Uint8Array): number {
    let filled = 0;
    while (filled < into.byteLength) {
      const first = this.#kept[0];
      if (first === undefined) break;
      const take = Math.min(first.byteLength, into.byteLength - filled);
      into.set(first.subarray(0, take), filled);
      filled += take;
      if (take === first.byteLength) this.#kept.shift();
      else this.#kept[0] = first.subarray(take);
    }
    this.#keptBytes -= filled;
    return filled;
  }

  #goOn(): void {
    if (!this.#stopped || this.#keptBytes > LIMITS.connBufferMaxBytes.value / 2) return;
    this.#stopped = false;
    this.onRoom?.();
  }
}
