import { CausewayError } from '../../../base/errors.ts';
import type { LaneFunctions } from './lane_calls.ts';
import { checkAcceptor, contextOf, type PipeSetup } from './lane_pipe.ts';

/** What turns bytes into those of the wire and back, and never waits. Addresses are of memory that does not move. */
export interface Sealing {
  /** Has the key exchange go on: true once it is over. Throws CW_TLS_FAILED. */
  shake(): boolean;
  /** Seals bytes; what goes to the wire is then to be {@link drain}ed. */
  seal(at: bigint, sizeBytes: number): void;
  /** Moves so many sealed bytes there at most: how many. */
  drain(into: bigint, maxBytes: number): number;
  /** Opens bytes that have come: how many, 0 where there are none now, -1 where no more will come. */
  open(into: bigint, maxBytes: number): number;
  /** Bytes were fetched from the wire that {@link open} has not given yet: poll(2) does not tell of those. */
  hasMore(): boolean;
  free(): void;
}

const WANT_READ = 2;
/** A key of AES-GCM serves for 2^24.5 records (RFC 8446 section 5.5); OpenSSL does not change it by itself. */
const KEY_CHANGE_BYTES = 32 * 1024 ** 3;
/** Small messages have a record each. */
const RECORD_BYTES = 16_384;

/** TLS 1.3 by the OpenSSL inside this process: it reads from the socket by itself, and what it writes is fetched from memory. */
export function tlsSealing(
  c: LaneFunctions,
  fd: number,
  role: PipeSetup['role'],
  tls: NonNullable<PipeSetup['tls']>,
): Sealing {
  const context = contextOf(c, tls);
  const ssl = c.SSL_new(context);
  c.SSL_CTX_free(context); // the connection holds it from here on
  c.SSL_set_fd(ssl, fd);
  const out = c.BIO_new(c.BIO_s_mem());
  c.SSL_set0_wbio(ssl, out);
  let sinceKeyBytes = 0;
  return {
    shake: () => {
      c.ERR_clear_error();
      const done = role === 'dialer' ? c.SSL_connect(ssl) : c.SSL_accept(ssl);
      if (done !== 1 && c.SSL_get_error(ssl, done) === WANT_READ) return false;
      if (done !== 1) throw new CausewayError('CW_TLS_FAILED', 'a mount got no encrypted channel of its own');
      if (role === 'dialer') checkAcceptor(c, ssl, tls.acceptor);
      return true;
    },
    seal: (at, sizeBytes) => {
      sinceKeyBytes += Math.max(sizeBytes, RECORD_BYTES);
      if (sinceKeyBytes > KEY_CHANGE_BYTES) {
        sinceKeyBytes = 0;
        c.SSL_key_update(ssl, 0);
      }
      if (c.SSL_write(ssl, at, sizeBytes) !== sizeBytes)
        throw new CausewayError('CW_LINK_CLOSED', 'the connection of a mount was cut');
    },
    drain: (into, maxBytes) => Math.max(0, c.BIO_read(out, into, maxBytes)),
    open: (into, maxBytes) => {
      const count = c.SSL_read(ssl, into, maxBytes);
      if (count > 0) return count;
      const error = c.SSL_get_error(ssl, count);
      c.ERR_clear_error(); // the next look is for errors of its own
      return error === WANT_READ ? 0 : -1;
    },
    hasMore: () => c.SSL_has_pending(ssl) !== 0,
    free: () => c.SSL_free(ssl),
  };
}
