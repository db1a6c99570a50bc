import { CausewayError } from '../../../base/errors.ts';
import type { DetourPipe, PipeEnd } from '../../mounts.ts';
import { getErrno } from '../errno.ts';
import { type LaneFunctions, laneCalls } from './lane_calls.ts';
import { addressOf, type PipeSetup, sendAtOnce, WELCOME, watchForDeath } from './lane_pipe.ts';
import { plainSealing } from './plain_sealing.ts';
import { type Sealing, tlsSealing } from './tls_steps.ts';

/** Before each message: u32 length, and u32 how many of the other side's have come whole. */
const DETOUR_HEAD_BYTES = 8;

/** One message of the connection; `sizeBytes` of it lie where the caller has said. */
export interface DetourMessage {
  /** How many messages of this side the other one has. */
  readonly received: number;
  readonly sizeBytes: number;
}

/** Where messages land: memory that other threads may reach, and does not move. */
export interface Landing {
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
}

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 1;
const POLLOUT = 4;
/** Small parts are gathered, so that they share a record. */
const GATHERED_BYTES = 64 * 1024;
const SMALL_BYTES = 16 * 1024;
/** Sealed at a time; the room holds that, what was gathered, and what sealing adds. */
const AT_ONCE_BYTES = 256 * 1024;
const ROOM_BYTES = 512 * 1024;
/** Of a TLS record. */
const CHUNK_BYTES = 16 * 1024;

const cut = () => new CausewayError('CW_LINK_CLOSED', 'the connection of a mount was cut');
const sharedBytes = (count: number) => new Uint8Array(new SharedArrayBuffer(count));

/** Null where none can be made of it: the descriptor is closed then. */
export function openDetourPipe(setup: PipeSetup, landing: Landing): NodeDetourPipe | null {
  try {
    return new NodeDetourPipe(setup, landing);
  } catch {
    dropPipeEnd(setup);
    return null;
  }
}

/** For a thread that is not there any more. */
export function dropPipeEnd(pipe: PipeEnd): void {
  laneCalls()?.functions.close((pipe as PipeSetup).fd);
}

/** The connection of a mount, served without waiting by a thread that polls it beside other descriptors. Owns the descriptor. */
export class NodeDetourPipe implements DetourPipe {
  readonly fd: number;
  readonly #c: LaneFunctions;
  readonly #setup: PipeSetup;
  readonly #sealing: Sealing;
  readonly #landing: Landing;
  #phase: 'shaking' | 'proving' | 'open' | 'closed' = 'shaking';
  /** What waits to be sealed. */
  #queue: Uint8Array[] = [];
  readonly #gathered = sharedBytes(GATHERED_BYTES);
  readonly #gatheredAt = addressOf(this.#gathered);
  readonly #room = sharedBytes(ROOM_BYTES);
  readonly #roomAt = addressOf(this.#room);
  #roomStart = 0;
  #roomEnd = 0;
  /** What was sealed did not find room at once. */
  #isLeft = false;
  /** What has come of small messages. */
  readonly #chunk = sharedBytes(CHUNK_BYTES);
  readonly #chunkAt = addressOf(this.#chunk);
  #chunkStart = 0;
  #chunkEnd = 0;
  readonly #head = new Uint8Array(DETOUR_HEAD_BYTES);
  readonly #headView = new DataView(this.#head.buffer);
  /** How much of the head and then of the body has come; the body's length is known once the head is there. */
  #got = 0;
  #bodyBytes = -1;

  /** CW_UNSUPPORTED, CW_TLS_FAILED. */
  constructor(setup: PipeSetup, landing: Landing) {
    const libc = laneCalls();
    if (libc === null)
      throw new CausewayError('CW_UNSUPPORTED', 'mounts have no connections of their own here');
    const c = libc.functions;
    this.fd = setup.fd;
    this.#c = c;
    this.#setup = setup;
    this.#landing = landing;
    c.fcntl(setup.fd, F_SETFL, c.fcntl(setup.fd, F_GETFL, 0) | O_NONBLOCK);
    watchForDeath(c, setup);
    sendAtOnce(c, setup.fd);
    this.#sealing =
      setup.tls === null ? plainSealing(c, setup.fd) : tlsSealing(c, setup.fd, setup.role, setup.tls);
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  /** What poll(2) is to wait for. */
  get events(): number {
    return POLLIN | (this.#roomStart < this.#roomEnd ? POLLOUT : 0);
  }

  /** Goes on with what opens it: true once it is open. Throws CW_TLS_FAILED, CW_LINK_CLOSED. */
  open(): boolean {
    if (this.#phase === 'shaking') {
      const isShaken = this.#sealing.shake();
      this.#isLeft = true; // what it says itself
      this.flush();
      if (!isShaken) return false;
      this.#phase = 'proving';
      if (this.#setup.role === 'dialer') this.#put(this.#setup.secret);
    }
    if (this.#phase === 'proving' && this.#isProved()) this.#phase = 'open';
    return this.#phase === 'open';
  }

  send(received: number, parts: readonly Uint8Array[]): void {
    if (this.#phase !== 'open') return;
    const head = new Uint8Array(DETOUR_HEAD_BYTES);
    const view = new DataView(head.buffer);
    let sizeBytes = 0;
    for (const part of parts) sizeBytes += part.byteLength;
    view.setUint32(0, sizeBytes, true);
    view.setUint32(4, received, true);
    this.#queue.push(head, ...parts);
  }

  /** Sends what it can. Throws CW_LINK_CLOSED. */
  flush(): void {
    const { fd } = this;
    while (this.#phase !== 'closed') {
      const count = this.#roomEnd - this.#roomStart;
      if (count === 0) {
        if (!this.#sealNext()) return;
        continue;
      }
      const at = this.#roomAt + BigInt(this.#roomStart);
      const sent = Number(this.#c.send(fd, at, BigInt(count), MSG_NOSIGNAL));
      if (sent > 0) this.#roomStart += sent;
      else if (getErrno(this.#c).isForNow) return;
      else throw cut();
    }
  }

  /**
   * The next message, where it is there in whole. `isFirst`: poll(2) may have told of it; others are looked for only where poll(2)
   * would not tell. Throws CW_LINK_CLOSED, CW_WIRE_TOO_LARGE.
   */
  receive(isFirst: boolean): DetourMessage | null {
    if (this.#phase !== 'open') return null;
    if (!isFirst && this.#chunkStart === this.#chunkEnd && !this.#sealing.hasMore()) return null;
    if (this.#bodyBytes < 0) {
      if (!this.#fill(this.#head, DETOUR_HEAD_BYTES)) return null;
      const sizeBytes = this.#headView.getUint32(0, true);
      if (sizeBytes > this.#landing.sizeBytes)
        throw new CausewayError(
          'CW_WIRE_TOO_LARGE',
          `a message of ${sizeBytes} bytes on a mount's connection`,
        );
      this.#bodyBytes = sizeBytes;
    }
    const sizeBytes = this.#bodyBytes;
    if (!this.#fill(this.#landing.bytes, sizeBytes)) return null;
    this.#bodyBytes = -1;
    return { received: this.#headView.getUint32(4, true), sizeBytes };
  }

  close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#queue = [];
    this.#roomStart = this.#roomEnd = 0;
    this.#sealing.free();
    this.#c.close(this.fd);
  }

  /** True once so many bytes have come there: large messages at once, small ones by way of the chunk. */
  #fill(into: Uint8Array, sizeBytes: number): boolean {
    while (this.#got < sizeBytes) {
      const left = sizeBytes - this.#got;
      if (this.#chunkStart < this.#chunkEnd) {
        const end = Math.min(this.#chunkEnd, this.#chunkStart + left);
        into.set(this.#chunk.subarray(this.#chunkStart, end), this.#got);
        this.#got += end - this.#chunkStart;
        this.#chunkStart = end;
        continue;
      }
      const isLarge = left >= CHUNK_BYTES;
      const count = isLarge
        ? this.#sealing.open(addressOf(into) + BigInt(this.#got), left)
        : this.#sealing.open(this.#chunkAt, CHUNK_BYTES);
      if (count === 0) return false;
      if (count < 0) throw cut();
      if (isLarge) this.#got += count;
      else [this.#chunkStart, this.#chunkEnd] = [0, count];
    }
    this.#got = 0;
    return true;
  }

  /** The calling side says the secret, the other one that it is the right one. */
  #isProved(): boolean {
    const { role, secret } = this.#setup;
    const { bytes } = this.#landing;
    if (!this.#fill(bytes, role === 'dialer' ? 1 : secret.byteLength)) return false;
    if (role === 'dialer') {
      if (bytes[0] !== WELCOME) throw cut();
      return true;
    }
    let difference = 0;
    for (let index = 0; index < secret.byteLength; index += 1) difference |= bytes[index]! ^ secret[index]!;
    if (difference !== 0) throw new CausewayError('CW_LINK_REFUSED', 'a mount was called by a stranger');
    this.#put(Uint8Array.of(WELCOME));
    return true;
  }

  #put(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.flush();
  }

  /** Seals the next bytes that wait, into the room. False where none do. */
  #sealNext(): boolean {
    if (this.#isLeft && this.#drain()) return true;
    if (this.#queue.length === 0) return false;
    let gathered = 0;
    let sealed = 0;
    const sealGathered = () => {
      if (gathered > 0) this.#sealing.seal(this.#gatheredAt, gathered);
      sealed += gathered;
      gathered = 0;
    };
    let index = 0;
    for (; index < this.#queue.length && sealed + gathered < AT_ONCE_BYTES; index += 1) {
      const part = this.#queue[index]!;
      const isLent = part.buffer instanceof SharedArrayBuffer && part.byteLength > SMALL_BYTES;
      if (gathered > 0 && (isLent || gathered + part.byteLength > GATHERED_BYTES)) sealGathered();
      const takenBytes = Math.min(part.byteLength, isLent ? AT_ONCE_BYTES - sealed : GATHERED_BYTES);
      if (isLent) this.#sealing.seal(addressOf(part), takenBytes);
      else this.#gathered.set(part.subarray(0, takenBytes), gathered);
      if (isLent) sealed += takenBytes;
      else gathered += takenBytes;
      if (takenBytes < part.byteLength) {
        this.#queue[index] = part.subarray(takenBytes);
        break;
      }
    }
    sealGathered();
    this.#queue.splice(0, index);
    return this.#drain();
  }

  /** Moves what was sealed into the room; false where there is nothing. */
  #drain(): boolean {
    this.#roomStart = 0;
    this.#roomEnd = this.#sealing.drain(this.#roomAt, ROOM_BYTES);
    this.#isLeft = this.#roomEnd === ROOM_BYTES;
    return this.#roomEnd > 0;
  }
}
