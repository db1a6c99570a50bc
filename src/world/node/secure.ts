import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { CausewayError } from '../../base/errors.ts';
import type { Conn, PeerInfo, TlsOptions } from '../net.ts';
import { ConnDuplex } from './conn_duplex.ts';
import { enableDirectReads } from './direct_reads.ts';
import { fingerprintOf } from './identities.ts';
import { Inbox } from './inbox.ts';
import { tlsReason } from './net_errors.ts';
import { destroyed, SocketConn } from './socket_conn.ts';
import { tlsContext } from './tls_context.ts';

function failed(description: string, reason: string, cause?: unknown): CausewayError {
  return new CausewayError('CW_TLS_FAILED', `no encrypted channel over ${description}: ${reason}`, { cause });
}

/**
 * Certificates are self-signed and judged by the caller by their fingerprint, so no chain is checked. A server must say
 * `rejectUnauthorized` all the same: for OpenSSL it means that a client without certificate is refused with an alert.
 */
function startTls(under: Duplex, options: TlsOptions, onShown: (own: string) => void): tls.TLSSocket {
  const { identity, cipherClass, serverName, identityNamed } = options;
  const secureContext = tlsContext(identity, cipherClass);
  if (options.role === 'client') {
    const named = serverName === undefined ? {} : { servername: serverName };
    return tls.connect({ socket: under, secureContext, rejectUnauthorized: false, ...named });
  }
  const certificates = { requestCert: true, rejectUnauthorized: true };
  const SNICallback: tls.TlsOptions['SNICallback'] = (name, done) => {
    const asked = identityNamed?.(name) ?? identity;
    onShown(asked.fingerprint);
    done(null, tlsContext(asked, cipherClass));
  };
  const naming = identityNamed === undefined ? {} : { SNICallback };
  return new tls.TLSSocket(under as tls.TLSSocket, {
    ...{ isServer: true, secureContext },
    ...certificates,
    ...naming,
  });
}

/** Settles with the handshake. */
function handshake(socket: tls.TLSSocket, description: string, options: TlsOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { handshakeTimeoutMs, role } = options;
  const late = () => reject(failed(description, `no handshake in ${handshakeTimeoutMs} ms`));
  const timer = setTimeout(late, handshakeTimeoutMs);
  socket.once(role === 'client' ? 'secureConnect' : 'secure', () => resolve());
  socket.on('error', (error) => reject(failed(description, tlsReason(error), error)));
  socket.on('close', () => reject(failed(description, 'the other side hung up')));
  return promise.finally(() => clearTimeout(timer));
}

function peerOf(socket: tls.TLSSocket, description: string, ownFingerprint: string): PeerInfo {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw failed(description, 'the other side showed no certificate');
  const key = socket.getEphemeralKeyInfo() as { name?: string } | null; // null on the server side
  return {
    description,
    fingerprint: fingerprintOf(certificate.raw),
    ownFingerprint,
    tlsGroup: key?.name ?? null,
    tlsCipher: socket.getCipher().standardName,
  };
}

/** TLS 1.3 over any connection, as {@link import('../net.ts').Net.secure} says. Sockets are taken over, other pipes wrapped. */
export async function secureConn(conn: Conn, options: TlsOptions): Promise<Conn> {
  const { description } = conn.peer;
  const under: Duplex = (conn instanceof SocketConn ? conn.detach() : null) ?? new ConnDuplex(conn);
  under.on('error', () => undefined); // TLS above hears of it too
  let socket: tls.TLSSocket | null = null;
  let own = options.identity.fingerprint;
  try {
    socket = startTls(under, options, (shown) => {
      own = shown;
    });
    const started = socket;
    // a server made from a ready socket tells of later failures by this event only, and stays open
    socket.on('_tlsError' as 'error', (error: Error) => started.destroy(error));
    const inbox = new Inbox();
    enableDirectReads(socket, inbox);
    await handshake(socket, description, options);
    const release = () => destroyed(under);
    return new SocketConn({
      input: socket,
      output: socket,
      inbox,
      peer: peerOf(socket, description, own),
      release,
    });
  } catch (thrown) {
    if (socket !== null) await destroyed(socket);
    await destroyed(under);
    throw thrown instanceof CausewayError ? thrown : failed(description, tlsReason(thrown), thrown);
  }
}
