import { assert } from '../../../base/assert.ts';
import { concat, equalBytes, fromHex, fromUtf8, toHex, utf8 } from '../../../base/bytes.ts';
import { CausewayError } from '../../../base/errors.ts';
import { hashParts } from '../../../base/hash.ts';
import type { Conn, PeerInfo, TlsOptions } from '../../net.ts';
import { isConsistent } from '../identities.ts';
import type { SimProcess } from '../process.ts';
import type { Scheduler } from '../scheduler.ts';
import { closedError } from './conn.ts';

const MAGIC = utf8('SIM-TLS\n');
const FINGERPRINT_BYTES = 32;
const TAG_BYTES = 8;
const NAME_BYTES = 80;
/** Magic, role, fingerprint, name of the key that a client asks for (padded with zeros), tag. */
const HELLO_BYTES = MAGIC.byteLength + 1 + FINGERPRINT_BYTES + NAME_BYTES + TAG_BYTES;
/** Length, sequence, tag. */
const RECORD_HEADER_BYTES = 8 + TAG_BYTES;
const RECORD_MAX_BYTES = 64 * 1024;

const CIPHERS = {
  sensitive: 'TLS_AES_256_GCM_SHA384',
  standard: 'TLS_AES_128_GCM_SHA256',
  chacha: 'TLS_CHACHA20_POLY1305_SHA256',
} as const;

function failed(what: string): CausewayError {
  return new CausewayError('CW_TLS_FAILED', `the encrypted channel failed: ${what}`);
}

function tagOf(...parts: Uint8Array[]): Uint8Array {
  return hashParts(parts).subarray(0, TAG_BYTES);
}

interface PeerHello {
  readonly fingerprint: string;
  readonly name: string;
}

function helloOf(role: 'client' | 'server', { fingerprint, name }: PeerHello): Uint8Array {
  const padded = new Uint8Array(NAME_BYTES);
  padded.set(utf8(name));
  const body = concat([MAGIC, Uint8Array.of(role === 'client' ? 1 : 2), fromHex(fingerprint), padded]);
  return concat([body, tagOf(body)]);
}

/**
 * The shape of TLS without its cryptography: both sides show who they are, and a flipped bit anywhere ends the
 * connection with CW_TLS_FAILED.
 */
export async function secureConn(
  process: SimProcess,
  scheduler: Scheduler,
  conn: Conn,
  options: TlsOptions,
): Promise<Conn> {
  let timedOut = false;
  const timer = scheduler.after(options.handshakeTimeoutMs, () => {
    timedOut = true;
    if (process.running) void conn.close();
  });
  try {
    if (!isConsistent(options.identity)) throw failed('the private key does not belong to the certificate');
    const { role, identity, serverName = '' } = options;
    if (role === 'client')
      await conn.write([helloOf(role, { fingerprint: identity.fingerprint, name: serverName })]);
    const peer = await readHello(conn, role);
    const asked = role === 'server' && peer.name !== '' ? options.identityNamed?.(peer.name) : null;
    const { fingerprint } = asked ?? identity;
    if (role === 'server') await conn.write([helloOf(role, { fingerprint, name: '' })]);
    return new SecureConn(conn, peerInfo(conn, { theirs: peer.fingerprint, own: fingerprint }, options));
  } catch (error) {
    await conn.close();
    if (timedOut) throw failed(`no answer in ${options.handshakeTimeoutMs} ms`);
    if (error instanceof CausewayError && error.code === 'CW_LINK_CLOSED')
      throw failed('the other side hung up');
    throw error;
  } finally {
    scheduler.cancel(timer);
  }
}

function peerInfo(conn: Conn, keys: { theirs: string; own: string }, options: TlsOptions): PeerInfo {
  return {
    description: conn.peer.description,
    fingerprint: keys.theirs,
    ownFingerprint: keys.own,
    tlsGroup: options.role === 'client' ? 'X25519MLKEM768' : null,
    tlsCipher: CIPHERS[options.cipherClass ?? 'sensitive'],
  };
}

/** Reads the peer's hello. Anything that is not a hello is refused at its first bytes. */
async function readHello(conn: Conn, ownRole: 'client' | 'server'): Promise<PeerHello> {
  const hello = new Uint8Array(HELLO_BYTES);
  const start = hello.subarray(0, MAGIC.byteLength);
  for (let at = 0; at < start.byteLength; ) {
    const count = await conn.read(start.subarray(at), 1);
    if (count === 0) throw failed('the other side hung up');
    at += count;
    if (!equalBytes(start.subarray(0, at), MAGIC.subarray(0, at)))
      throw failed('the other side does not speak TLS');
  }
  const rest = hello.subarray(MAGIC.byteLength);
  if ((await conn.read(rest, rest.byteLength)) < rest.byteLength) throw failed('the other side hung up');
  const body = hello.subarray(0, HELLO_BYTES - TAG_BYTES);
  if (!equalBytes(tagOf(body), hello.subarray(HELLO_BYTES - TAG_BYTES))) throw failed('damaged handshake');
  const role = hello[MAGIC.byteLength] === 1 ? 'client' : 'server';
  if (role === ownRole) throw failed(`both sides are ${role}s`);
  const fields = body.subarray(MAGIC.byteLength + 1);
  const name = fields.subarray(FINGERPRINT_BYTES);
  const end = name.indexOf(0);
  return {
    fingerprint: toHex(fields.subarray(0, FINGERPRINT_BYTES)),
    name: fromUtf8(end < 0 ? name : name.subarray(0, end)) ?? '',
  };
}

class SecureConn implements Conn {
  readonly peer: PeerInfo;
  readonly #inner: Conn;
  readonly #header = new Uint8Array(RECORD_HEADER_BYTES);
  #sent = 0;
  #received = 0;
  #record = new Uint8Array(0);
  #at = 0;
  #failure: CausewayError | null = null;

  constructor(inner: Conn, peer: PeerInfo) {
    this.#inner = inner;
    this.peer = peer;
  }

  async read(into: Uint8Array, minBytes: number): Promise<number> {
    assert(minBytes >= 1 && minBytes <= into.byteLength, 'a read asks for 1 to all of its bytes');
    let filled = this.#take(into);
    while (filled < minBytes) {
      if (this.#failure !== null) throw this.#failure;
      if (!(await this.#nextRecord())) break;
      filled += this.#take(into.subarray(filled));
    }
    return filled;
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const bytes = concat(parts);
    const records: Uint8Array[] = [];
    for (let at = 0; at < bytes.byteLength; at += RECORD_MAX_BYTES) {
      const payload = bytes.subarray(at, at + RECORD_MAX_BYTES);
      const head = new Uint8Array(RECORD_HEADER_BYTES);
      const view = new DataView(head.buffer);
      view.setUint32(0, payload.byteLength);
      view.setUint32(4, this.#sent);
      this.#sent += 1;
      head.set(tagOf(head.subarray(0, 8), payload), 8);
      records.push(head, payload);
    }
    await this.#inner.write(records);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(into: Uint8Array): number {
    const piece = this.#record.subarray(this.#at, this.#at + into.byteLength);
    into.set(piece);
    this.#at += piece.byteLength;
    return piece.byteLength;
  }

  /** False at the end of the stream. */
  async #nextRecord(): Promise<boolean> {
    const header = this.#header;
    const got = await this.#inner.read(header, header.byteLength);
    if (got === 0) return false;
    if (got < header.byteLength) throw closedError(this.peer.description);
    const view = new DataView(header.buffer);
    const length = view.getUint32(0);
    if (length > RECORD_MAX_BYTES || length === 0 || view.getUint32(4) !== this.#received)
      return this.#fail();
    const payload = new Uint8Array(length);
    if ((await this.#inner.read(payload, length)) < length) throw closedError(this.peer.description);
    if (!equalBytes(tagOf(header.subarray(0, 8), payload), header.subarray(8))) return this.#fail();
    this.#received += 1;
    this.#record = payload;
    this.#at = 0;
    return true;
  }

  async #fail(): Promise<never> {
    this.#failure = failed('damaged record');
    await this.#inner.close();
    throw this.#failure;
  }
}
