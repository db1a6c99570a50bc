import { bindLibc, type Libc } from '../libc.ts';

const SIGNATURES = {
  dup: { return: 'i32', arguments: ['i32'] },
  close: { return: 'i32', arguments: ['i32'] },
  fcntl: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
  shutdown: { return: 'i32', arguments: ['i32', 'i32'] },
  setsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'] },
  send: { return: 'i64', arguments: ['i32', 'u64', 'u64', 'i32'] },
  memcpy: { return: 'u64', arguments: ['u64', 'u64', 'u64'] },
  recv: { return: 'i64', arguments: ['i32', 'u64', 'u64', 'i32'] },
  TLS_method: { return: 'u64', arguments: [] },
  SSL_CTX_new: { return: 'u64', arguments: ['u64'] },
  SSL_CTX_free: { return: 'void', arguments: ['u64'] },
  SSL_CTX_ctrl: { return: 'i64', arguments: ['u64', 'i32', 'i64', 'pointer'] },
  SSL_CTX_set_ciphersuites: { return: 'i32', arguments: ['u64', 'pointer'] },
  SSL_CTX_set_default_read_buffer_len: { return: 'void', arguments: ['u64', 'u64'] },
  SSL_CTX_set_num_tickets: { return: 'i32', arguments: ['u64', 'u64'] },
  SSL_CTX_use_certificate_ASN1: { return: 'i32', arguments: ['u64', 'i32', 'pointer'] },
  SSL_CTX_use_PrivateKey_ASN1: { return: 'i32', arguments: ['i32', 'u64', 'pointer', 'i64'] },
  SSL_new: { return: 'u64', arguments: ['u64'] },
  SSL_free: { return: 'void', arguments: ['u64'] },
  SSL_set_fd: { return: 'i32', arguments: ['u64', 'i32'] },
  SSL_connect: { return: 'i32', arguments: ['u64'] },
  SSL_accept: { return: 'i32', arguments: ['u64'] },
  SSL_read: { return: 'i32', arguments: ['u64', 'u64', 'i32'] },
  SSL_write: { return: 'i32', arguments: ['u64', 'u64', 'i32'] },
  SSL_has_pending: { return: 'i32', arguments: ['u64'] },
  SSL_get_error: { return: 'i32', arguments: ['u64', 'i32'] },
  SSL_key_update: { return: 'i32', arguments: ['u64', 'i32'] },
  SSL_set_read_ahead: { return: 'void', arguments: ['u64', 'i32'] },
  SSL_get_rbio: { return: 'u64', arguments: ['u64'] },
  SSL_set0_rbio: { return: 'void', arguments: ['u64', 'u64'] },
  SSL_get_wbio: { return: 'u64', arguments: ['u64'] },
  SSL_set0_wbio: { return: 'void', arguments: ['u64', 'u64'] },
  SSL_get1_peer_certificate: { return: 'u64', arguments: ['u64'] },
  i2d_X509: { return: 'i32', arguments: ['u64', 'pointer'] },
  X509_free: { return: 'void', arguments: ['u64'] },
  BIO_read: { return: 'i32', arguments: ['u64', 'u64', 'i32'] },
  BIO_s_mem: { return: 'u64', arguments: [] },
  BIO_f_ssl: { return: 'u64', arguments: [] },
  BIO_free_all: { return: 'void', arguments: ['u64'] },
  BIO_f_buffer: { return: 'u64', arguments: [] },
  BIO_new: { return: 'u64', arguments: ['u64'] },
  BIO_push: { return: 'u64', arguments: ['u64', 'u64'] },
  BIO_up_ref: { return: 'i32', arguments: ['u64'] },
  BIO_ctrl: { return: 'i64', arguments: ['u64', 'i32', 'i64', 'u64'] },
  BIO_int_ctrl: { return: 'i64', arguments: ['u64', 'i32', 'i64', 'i32'] },
  ERR_clear_error: { return: 'void', arguments: [] },
} as const;

type Value<Kind> = Kind extends 'i32' | 'u32'
  ? number
  : Kind extends 'i64' | 'u64'
    ? bigint
    : Kind extends 'pointer'
      ? bigint | Uint8Array
      : undefined;
type Values<Kinds extends readonly string[]> = { -readonly [At in keyof Kinds]: Value<Kinds[At]> };
type Signatures = typeof SIGNATURES;

/** Addresses are bigint; a `pointer` argument takes one, or bytes, whose memory must not move. */
export type LaneFunctions = {
  readonly [Name in keyof Signatures]: (
    ...values: Values<Signatures[Name]['arguments']>
  ) => Value<Signatures[Name]['return']>;
};

let bound: Libc<LaneFunctions> | null | undefined;

/**
 * Sockets and TLS of libc and of the OpenSSL that this very process carries, as blocking calls. Null where one of them
 * cannot be bound, and on anything but Linux, whose numbers for socket options are used.
 */
export function laneCalls(): Libc<LaneFunctions> | null {
  if (bound === undefined)
    bound = process.platform === 'linux' ? bindLibc<LaneFunctions>(SIGNATURES as never) : null;
  return bound;
}
