import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { assert } from '../../../base/assert.ts';
import { CausewayError } from '../../../base/errors.ts';
import type { LaneSetup, LaneTls } from '../../lane_threads.ts';
import { loadFfi } from '../syscalls.ts';
import { type LaneFunctions, laneCalls } from './lane_calls.ts';

/** What the threads of both ends get besides {@link LaneSetup}: keys as DER, and times. */
export interface PipeSetup extends Omit<LaneSetup, 'tls'> {
  readonly fd: number;
  readonly tls: (Omit<LaneTls, 'identity'> & { readonly identity: LaneIdentity | null }) | null;
  readonly handshakeTimeoutMs: number;
  readonly deadAfterMs: number;
}

export interface LaneIdentity {
  readonly certificateDer: Uint8Array;
  /** PKCS #8. */
  readonly privateKeyDer: Uint8Array;
}

/** A connection with blocking calls, for a thread that does nothing else. Addresses are of memory that does not move. */
export interface LanePipe {
  /** Sends all of it. `more`: something follows at once. Throws CW_LINK_CLOSED. */
  send(at: bigint, sizeBytes: number, more: boolean): void;
  /** Fills all of it. False where the other side ended before its first byte. Throws CW_LINK_CLOSED. */
  receive(at: bigint, sizeBytes: number): boolean;
  /** Whether bytes have come that were not received yet. Never waits. */
  hasMore(): boolean;
  /** Gives up what stands above the descriptor, which stays open. */
  free(): void;
}

const SOL_SOCKET = 1;
const IPPROTO_TCP = 6;
const OPTION = {
  keepAlive: [SOL_SOCKET, 9],
  receiveTimeout: [SOL_SOCKET, 20],
  sendTimeout: [SOL_SOCKET, 21],
} as const;
const TCP = { noDelay: 1, keepIdle: 4, keepInterval: 5, keepCount: 6, userTimeout: 18 } as const;
const MSG_MORE = 0x8000;
const MSG_NOSIGNAL = 0x4000;
const MSG_WAITALL = 0x100;
const MSG_PEEK = 0x2;
const MSG_DONTWAIT = 0x40;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

function reasonOf(what: string): CausewayError {
  return new CausewayError('CW_LINK_CLOSED', `the connection of a lane ${what}`);
}

/** Makes the connection that `setup.fd` is, and proves both ends to each other. The descriptor stays the caller's. */
export function openLanePipe(setup: PipeSetup): LanePipe {
  const libc = laneCalls();
  if (libc === null) throw new CausewayError('CW_UNSUPPORTED', 'lanes have no threads here');
  const c = libc.functions;
  let pipe: LanePipe | null = null;
  try {
    makeBlocking(c, setup);
    pipe = setup.tls === null ? plainPipe(c, setup.fd) : tlsPipe(c, setup.fd, setup.role, setup.tls);
    prove(pipe, setup);
    setTimeouts(c, setup.fd, 0);
    return pipe;
  } catch (failure) {
    pipe?.free();
    throw failure;
  }
}

function makeBlocking(c: LaneFunctions, setup: PipeSetup): void {
  const { fd, handshakeTimeoutMs } = setup;
  c.fcntl(fd, F_SETFL, c.fcntl(fd, F_GETFL, 0) & ~O_NONBLOCK);
  setTimeouts(c, fd, handshakeTimeoutMs);
  watchForDeath(c, setup);
}

/** What is sent leaves at once: the other side may wait for it with nothing to say. A Unix socket knows no delay. */
export function sendAtOnce(c: LaneFunctions, fd: number): void {
  setOption(c, fd, [IPPROTO_TCP, TCP.noDelay], int32(1));
}

/** The system finds out by itself where nobody is at the other end any more. */
export function watchForDeath(
  c: LaneFunctions,
  { fd, deadAfterMs }: Pick<PipeSetup, 'fd' | 'deadAfterMs'>,
): void {
  // a Unix socket knows none of these, and needs none
  const seconds = Math.max(1, Math.round(deadAfterMs / 1_000 / KEEP_ALIVE_PROBES));
  setOption(c, fd, OPTION.keepAlive, int32(1));
  setOption(c, fd, [IPPROTO_TCP, TCP.keepIdle], int32(seconds));
  setOption(c, fd, [IPPROTO_TCP, TCP.keepInterval], int32(seconds));
  setOption(c, fd, [IPPROTO_TCP, TCP.keepCount], int32(KEEP_ALIVE_PROBES));
  setOption(c, fd, [IPPROTO_TCP, TCP.userTimeout], int32(deadAfterMs));
}

const KEEP_ALIVE_PROBES = 3;

/** 0: none. */
function setTimeouts(c: LaneFunctions, fd: number, timeoutMs: number): void {
  const time = new BigInt64Array([
    BigInt(Math.floor(timeoutMs / 1_000)),
    BigInt((timeoutMs % 1_000) * 1_000),
  ]);
  const bytes = new Uint8Array(time.buffer);
  setOption(c, fd, OPTION.receiveTimeout, bytes);
  setOption(c, fd, OPTION.sendTimeout, bytes);
}

function setOption(c: LaneFunctions, fd: number, option: readonly [number, number], value: Uint8Array): void {
  c.setsockopt(fd, option[0], option[1], value, value.byteLength);
}

function int32(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}

/** The dialling side says the secret, the accepting one that it is the right one. */
function prove(pipe: LanePipe, { role, secret }: PipeSetup): void {
  const heard = Buffer.from(new SharedArrayBuffer(secret.byteLength));
  const at = addressOf(heard);
  if (role === 'dialer') {
    heard.set(secret);
    pipe.send(at, secret.byteLength, false);
    if (!pipe.receive(at, 1) || heard[0] !== WELCOME) throw reasonOf('was not wanted at the other end');
    return;
  }
  if (!pipe.receive(at, secret.byteLength)) throw reasonOf('was given up before it began');
  let difference = 0;
  for (let index = 0; index < secret.byteLength; index += 1) difference |= heard[index]! ^ secret[index]!;
  if (difference !== 0) throw reasonOf('came from somebody who does not know its secret');
  heard[0] = WELCOME;
  pipe.send(at, 1, false);
}

/** Said by the side that was called, to who knows the secret. */
export const WELCOME = 1;

/** Memory that threads share does not move. */
export function addressOf(bytes: Uint8Array): bigint {
  assert(bytes.buffer instanceof SharedArrayBuffer, 'only memory that stays in its place has an address');
  return loadFfi().getRawPointer(bytes);
}

function plainPipe(c: LaneFunctions, fd: number): LanePipe {
  const { getInt32 } = loadFfi();
  const errnoAt = (c as unknown as { __errno_location(): bigint }).__errno_location();
  const isInterrupted = () => getInt32(errnoAt) === constants.errno.EINTR;
  return {
    send: (at, sizeBytes, more) => {
      for (let sent = 0; sent < sizeBytes; ) {
        const flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
        const count = Number(c.send(fd, at + BigInt(sent), BigInt(sizeBytes - sent), flags));
        if (count > 0) sent += count;
        else if (!isInterrupted()) throw reasonOf('was cut');
      }
    },
    receive: (at, sizeBytes) => {
      for (let got = 0; got < sizeBytes; ) {
        const count = Number(c.recv(fd, at + BigInt(got), BigInt(sizeBytes - got), MSG_WAITALL));
        if (count > 0) got += count;
        else if (count === 0 && got === 0) return false;
        else if (count === 0 || !isInterrupted()) throw reasonOf('was cut');
      }
      return true;
    },
    hasMore: () => hasArrived(c, fd),
    free: () => undefined,
  };
}

/** Looks at the socket alone. */
function hasArrived(c: LaneFunctions, fd: number): boolean {
  return c.recv(fd, addressOf(PEEKED), 1n, MSG_PEEK | MSG_DONTWAIT) > 0n;
}

const PEEKED = new Uint8Array(new SharedArrayBuffer(1));

const SSL_CTRL_SET_GROUPS_LIST = 92;
const SSL_CTRL_SET_READ_AHEAD = 41;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const TLS_1_3 = 0x0304n;
const NID_ED25519 = 1087;
const BIO_CTRL_PENDING = 10;
const BIO_CTRL_FLUSH = 11;
const BIO_C_SET_SSL = 109;
const BIO_NOCLOSE = 0n;
const BIO_C_SET_BUFF_SIZE = 117;
/** The hybrid with ML-KEM-768 first, as on the link itself. */
const GROUPS = 'X25519MLKEM768:X25519:secp256r1';
/** Records of 16 KiB leave together: each write wakes the other end. */
const WRITE_BUFFER_BYTES = 512 * 1024;
/** What has arrived is taken in such pieces. */
const READ_BUFFER_BYTES = 128 * 1024;
/** Three records at a read; OpenSSL moves what is left over to the front each time, so that more costs more than it saves. */
const READ_AHEAD_BYTES = 64 * 1024;
/** A key of AES-GCM serves for 2^24.5 records, 350 GiB (RFC 8446 section 5.5); OpenSSL does not change it by itself. */
const KEY_CHANGE_BYTES = 32 * 1024 ** 3;
const CERTIFICATE_MAX_BYTES = 16 * 1024;

/** TLS 1.3 by the OpenSSL inside this process. */
function tlsPipe(
  c: LaneFunctions,
  fd: number,
  role: LaneSetup['role'],
  tls: NonNullable<PipeSetup['tls']>,
): LanePipe {
  const context = contextOf(c, tls);
  const ssl = c.SSL_new(context);
  c.SSL_CTX_free(context); // the connection holds it from here on
  try {
    c.ERR_clear_error();
    c.SSL_set_fd(ssl, fd);
    c.SSL_set_read_ahead(ssl, 0); // the buffer below reads ahead, and moves nothing
    const done = role === 'dialer' ? c.SSL_connect(ssl) : c.SSL_accept(ssl);
    if (done !== 1) throw new CausewayError('CW_TLS_FAILED', 'a lane got no encrypted channel');
    if (role === 'dialer') checkAcceptor(c, ssl, tls.acceptor);
    const socket = c.SSL_get_wbio(ssl);
    c.BIO_up_ref(socket);
    const buffer = c.BIO_new(c.BIO_f_buffer());
    c.BIO_int_ctrl(buffer, BIO_C_SET_BUFF_SIZE, BigInt(WRITE_BUFFER_BYTES), 1);
    c.SSL_set0_wbio(ssl, c.BIO_push(buffer, socket));
    const reader = readerOf(c, ssl);
    return {
      ...tlsCalls(c, { ssl, buffer, reader }),
      hasMore: () => c.BIO_ctrl(reader, BIO_CTRL_PENDING, 0n, 0n) > 0n || hasArrived(c, fd),
      free: () => {
        c.BIO_free_all(reader);
        c.SSL_free(ssl);
      },
    };
  } catch (failure) {
    c.SSL_free(ssl);
    throw failure;
  }
}

/**
 * What gives decrypted bytes of many records with one call: a buffer over the connection. Below that, another buffer takes
 * what has arrived in large pieces; OpenSSL's own, read ahead, moves what is left over to its front with each record.
 */
function readerOf(c: LaneFunctions, ssl: bigint): bigint {
  const socket = c.SSL_get_rbio(ssl);
  c.BIO_up_ref(socket);
  const arrived = c.BIO_new(c.BIO_f_buffer());
  c.BIO_int_ctrl(arrived, BIO_C_SET_BUFF_SIZE, BigInt(READ_BUFFER_BYTES), 0);
  c.SSL_set0_rbio(ssl, c.BIO_push(arrived, socket));
  const plain = c.BIO_new(c.BIO_f_ssl());
  c.BIO_ctrl(plain, BIO_C_SET_SSL, BIO_NOCLOSE, ssl);
  return c.BIO_push(c.BIO_new(c.BIO_f_buffer()), plain);
}

interface TlsEnds {
  readonly ssl: bigint;
  /** Gathers records to be sent. */
  readonly buffer: bigint;
  readonly reader: bigint;
}

function tlsCalls(c: LaneFunctions, { ssl, buffer, reader }: TlsEnds): Pick<LanePipe, 'send' | 'receive'> {
  let sinceKeyBytes = 0;
  return {
    send: (at, sizeBytes, more) => {
      sinceKeyBytes += sizeBytes;
      if (sinceKeyBytes > KEY_CHANGE_BYTES) {
        sinceKeyBytes = 0;
        c.SSL_key_update(ssl, 0);
      }
      c.ERR_clear_error();
      if (sizeBytes > 0 && c.SSL_write(ssl, at, sizeBytes) !== sizeBytes) throw reasonOf('was cut');
      if (!more && c.BIO_ctrl(buffer, BIO_CTRL_FLUSH, 0n, 0n) <= 0n) throw reasonOf('was cut');
    },
    receive: (at, sizeBytes) => {
      c.ERR_clear_error();
      for (let got = 0; got < sizeBytes; ) {
        const count = c.BIO_read(reader, at + BigInt(got), sizeBytes - got);
        if (count <= 0) throw reasonOf('was cut'); // whoever ends in peace says so in a message
        got += count;
      }
      return true;
    },
  };
}

/** What connections with that key and that cipher are made from. CW_TLS_FAILED. */
export function contextOf(c: LaneFunctions, { cipher, identity }: NonNullable<PipeSetup['tls']>): bigint {
  const context = c.SSL_CTX_new(c.TLS_method());
  const isSet =
    c.SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS_1_3, 0n) === 1n &&
    c.SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0n, text(GROUPS)) === 1n &&
    c.SSL_CTX_set_ciphersuites(context, text(cipher)) === 1 &&
    c.SSL_CTX_set_num_tickets(context, 0n) === 1 &&
    (identity === null || isShown(c, context, identity));
  c.SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1n, 0n);
  c.SSL_CTX_set_default_read_buffer_len(context, BigInt(READ_AHEAD_BYTES));
  if (isSet) return context;
  c.SSL_CTX_free(context);
  throw new CausewayError('CW_TLS_FAILED', `a lane cannot use ${cipher}`);
}

function isShown(
  c: LaneFunctions,
  context: bigint,
  { certificateDer, privateKeyDer }: LaneIdentity,
): boolean {
  const key = shared(privateKeyDer);
  const isTaken =
    c.SSL_CTX_use_certificate_ASN1(context, certificateDer.byteLength, shared(certificateDer)) === 1 &&
    c.SSL_CTX_use_PrivateKey_ASN1(NID_ED25519, context, key, BigInt(key.byteLength)) === 1;
  key.fill(0);
  return isTaken;
}

/** CW_TLS_FAILED. Nothing of this side is said before the other one has shown the key that the link knows. */
export function checkAcceptor(c: LaneFunctions, ssl: bigint, fingerprint: string): void {
  const certificate = c.SSL_get1_peer_certificate(ssl);
  if (certificate === 0n) throw new CausewayError('CW_TLS_FAILED', 'the other end of a lane showed no key');
  const sizeBytes = c.i2d_X509(certificate, 0n);
  const der = Buffer.from(new SharedArrayBuffer(CERTIFICATE_MAX_BYTES));
  const slot = Buffer.from(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  slot.writeBigUInt64LE(addressOf(der));
  const isRead = sizeBytes > 0 && sizeBytes <= der.byteLength && c.i2d_X509(certificate, slot) === sizeBytes;
  c.X509_free(certificate);
  const shown = isRead ? createHash('sha256').update(der.subarray(0, sizeBytes)).digest('hex') : '';
  if (shown !== fingerprint)
    throw new CausewayError(
      'CW_TLS_FAILED',
      'the other end of a lane showed another key than that of the link',
    );
}

/** Zero-terminated. */
function text(value: string): Uint8Array {
  return shared(Buffer.from(`${value}\0`));
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  copy.set(bytes);
  return copy;
}
