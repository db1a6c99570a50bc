import { concat, equalBytes } from '../base/bytes.ts';

/**
 * The preamble of a serial port. Such a port has no notion of a connection: bytes of an earlier peer may still be in
 * it. The host writes SYNC with a fresh nonce again and again; the guest discards everything up to a SYNC and
 * answers ACK with that nonce, once; what follows the ACK is fresh in both directions, because the port keeps order.
 */
const SYNC_MAGIC = Uint8Array.from([0x02, 0x43, 0x57, 0x53, 0x59, 0x4e, 0x43, 0x01]); // \x02CWSYNC\x01
const ACK_MAGIC = Uint8Array.from([0x02, 0x43, 0x57, 0x41, 0x43, 0x4b, 0x01, 0x01]); // \x02CWACK\x01\x01
const BOOT_MAGIC = Uint8Array.from([0x02, 0x43, 0x57, 0x42, 0x4f, 0x4f, 0x54, 0x01]); // \x02CWBOOT\x01

const MAGIC_BYTES = 8;
/** Bytes of a nonce, of a SYNC and of an ACK. */
export const NONCE_BYTES = 16;
export const SYNC_BYTES = MAGIC_BYTES + NONCE_BYTES;

export function encodeSync(nonce: Uint8Array): Uint8Array {
  return concat([SYNC_MAGIC, nonce]);
}

export function encodeAck(nonce: Uint8Array): Uint8Array {
  return concat([ACK_MAGIC, nonce]);
}

/** What a guest writes when it opens the port: a host in an older session meets it as a damaged record and starts anew. */
export function encodeBoot(): Uint8Array {
  return BOOT_MAGIC.slice();
}

const EMPTY = new Uint8Array(0);

/** `acks`: nonces to answer, in order. `payload`: the first bytes that belong to the connection, null while there are none. */
export interface GuestStep {
  readonly acks: readonly Uint8Array[];
  readonly payload: Uint8Array | null;
}

/**
 * The guest's side, pure. Feed it what arrives until it gives a payload. One instance serves one port for as long as
 * the process lives: it remembers the last nonce, so that a late copy of an answered SYNC is not answered again.
 */
export class GuestPreamble {
  #held: Uint8Array = EMPTY;
  #answered: Uint8Array | null = null;
  /** True from an answered SYNC on: the next byte that starts no SYNC is the first of the connection. */
  #synced = false;

  /** Forgets a connection that failed: everything up to the next SYNC is discarded. */
  restart(): void {
    this.#held = EMPTY;
    this.#synced = false;
  }

  push(chunk: Uint8Array): GuestStep {
    const bytes = concat([this.#held, chunk]);
    const acks: Uint8Array[] = [];
    this.#held = EMPTY;
    let at = 0;
    while (at < bytes.byteLength) {
      if (bytes[at] !== SYNC_MAGIC[0]) {
        if (this.#synced) return { acks, payload: bytes.slice(at) };
        at = nextStart(bytes, at + 1);
        continue;
      }
      const rest = bytes.subarray(at, at + SYNC_BYTES);
      if (!startsLike(rest, SYNC_MAGIC)) {
        this.#synced = false; // a torn record: what follows cannot be told from an older peer's bytes
        at += 1;
        continue;
      }
      const torn = indexOf(rest, SYNC_MAGIC, 1);
      if (torn > 0) {
        at += torn; // the writer of the first record died inside it and another one began
        continue;
      }
      if (rest.byteLength < SYNC_BYTES) {
        this.#held = rest.slice();
        break;
      }
      this.#take(rest.slice(MAGIC_BYTES), acks);
      at += SYNC_BYTES;
    }
    return { acks, payload: null };
  }

  #take(nonce: Uint8Array, acks: Uint8Array[]): void {
    if (this.#answered !== null && equalBytes(this.#answered, nonce)) return;
    this.#answered = nonce;
    this.#synced = true;
    acks.push(nonce);
  }
}

/** `payload` is null until the ACK of this nonce was seen, then what followed it (usually nothing). */
export interface HostStep {
  readonly payload: Uint8Array | null;
  /** The guest has just opened the port: it is worth writing a SYNC at once. */
  readonly booted: boolean;
}

/** The host's side, pure. One instance serves one attempt, with one nonce. */
export class HostPreamble {
  readonly #ack: Uint8Array;
  #held: Uint8Array = EMPTY;

  constructor(nonce: Uint8Array) {
    this.#ack = encodeAck(nonce);
  }

  push(chunk: Uint8Array): HostStep {
    const bytes = concat([this.#held, chunk]);
    const at = indexOf(bytes, this.#ack, 0);
    const booted = indexOf(bytes, BOOT_MAGIC, 0) >= 0;
    if (at >= 0) return { payload: bytes.slice(at + this.#ack.byteLength), booted };
    this.#held = bytes.slice(keepFrom(bytes, this.#ack.byteLength - 1, booted));
    return { payload: null, booted };
  }
}

/** Where to keep from: enough for a record that is still incomplete, never a beacon that was reported already. */
function keepFrom(bytes: Uint8Array, keepBytes: number, booted: boolean): number {
  const tail = Math.max(0, bytes.byteLength - keepBytes);
  return booted ? Math.max(tail, bytesLastIndexOf(bytes, BOOT_MAGIC) + MAGIC_BYTES) : tail;
}

function nextStart(bytes: Uint8Array, from: number): number {
  const at = bytes.indexOf(SYNC_MAGIC[0] as number, from);
  return at < 0 ? bytes.byteLength : at;
}

/** True where `bytes` begins with `magic`, or is a beginning of it. */
function startsLike(bytes: Uint8Array, magic: Uint8Array): boolean {
  const length = Math.min(bytes.byteLength, magic.byteLength);
  return equalBytes(bytes.subarray(0, length), magic.subarray(0, length));
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  return asBuffer(bytes).indexOf(wanted, from);
}

function bytesLastIndexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  return asBuffer(bytes).lastIndexOf(wanted);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
