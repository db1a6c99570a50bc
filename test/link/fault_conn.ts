import { setImmediate as turn } from 'node:timers/promises';
import { totalBytes } from '../../src/base/bytes.ts';
import { CausewayError } from '../../src/base/errors.ts';
import type { Conn, PeerInfo } from '../../src/world/net.ts';
import type { Seeded } from './seeded.ts';

export interface Faults {
  /** The carrier ends after this many bytes were written to this end; the bytes before arrive. */
  readonly cutAfterBytes?: number;
  /** Reads and writes go on in pieces of random size. */
  readonly split?: Seeded;
  /** One bit of the byte at this offset of what is written is turned over. */
  readonly flipAtByte?: number;
  /** The event loop turns after each write: without it a saturated pair in one process lets nothing else run. */
  readonly turn?: boolean;
  /** Sees every write. */
  readonly onWrite?: (parts: readonly Uint8Array[]) => void;
}

/** A carrier that misbehaves. */
export class FaultConn implements Conn {
  readonly peer: PeerInfo;
  readonly #inner: Conn;
  readonly #faults: Faults;
  #written = 0;

  constructor(inner: Conn, faults: Faults) {
    this.#inner = inner;
    this.#faults = faults;
    this.peer = inner.peer;
  }

  read(into: Uint8Array, minBytes: number): Promise<number> {
    const { split } = this.#faults;
    if (split === undefined) return this.#inner.read(into, minBytes);
    const length = minBytes + split.below(into.byteLength - minBytes + 1);
    return this.#inner.read(into.subarray(0, length), minBytes);
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    const { cutAfterBytes = Number.POSITIVE_INFINITY, split, onWrite } = this.#faults;
    onWrite?.(parts);
    const from = this.#written;
    const length = Math.min(totalBytes(parts), cutAfterBytes - from);
    this.#written += length;
    for (const piece of cut(parts, length)) {
      const bytes = this.#damaged(piece.bytes, from + piece.at);
      let at = 0;
      while (at < bytes.byteLength) {
        const size = split === undefined ? bytes.byteLength : 1 + split.below(bytes.byteLength - at);
        await this.#inner.write([bytes.subarray(at, at + size)]);
        at += size;
      }
    }
    if (this.#faults.turn) await turn();
    if (this.#written < cutAfterBytes) return;
    await this.#inner.close();
    throw new CausewayError('CW_LINK_CLOSED', `cut after ${cutAfterBytes} bytes`);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #damaged(bytes: Uint8Array, startsAt: number): Uint8Array {
    const at = (this.#faults.flipAtByte ?? -1) - startsAt;
    if (at < 0 || at >= bytes.byteLength) return bytes;
    const copy = bytes.slice();
    copy[at] = (copy[at] as number) ^ 0x10;
    return copy;
  }
}

function* cut(parts: readonly Uint8Array[], length: number): Generator<{ bytes: Uint8Array; at: number }> {
  let at = 0;
  for (const part of parts) {
    const bytes = part.subarray(0, length - at);
    if (bytes.byteLength > 0) yield { bytes, at };
    at += bytes.byteLength;
    if (at >= length) return;
  }
}
