import net from 'node:net';
import { CausewayError } from '../../base/errors.ts';
import { abortReason } from '../../base/signal.ts';
import type { Conn, Endpoint } from '../net.ts';
import { onreadOf } from './direct_reads.ts';
import { Inbox } from './inbox.ts';
import { describeEndpoint, errnoOf, linkError } from './net_errors.ts';
import { plainPeer, SocketConn } from './socket_conn.ts';

export interface DialOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type SocketEndpoint = Extract<Endpoint, { kind: 'tcp' | 'unix' }>;

/** A dead peer on an idle connection is noticed by heartbeats; this only clears sockets that nobody asks anything of. */
const KEEP_ALIVE_AFTER_MS = 15_000;

/** Options of every TCP socket: frames leave at once. */
export const TCP_OPTIONS = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
} as const;

function connect(endpoint: SocketEndpoint, inbox: Inbox): net.Socket {
  const onread = onreadOf(inbox);
  if (endpoint.kind === 'unix') return net.connect({ path: endpoint.path, onread });
  return net.connect({ host: endpoint.host, port: endpoint.port, onread, ...TCP_OPTIONS });
}

/** Connects to a TCP or Unix address. CW_LINK_REFUSED, CW_TIMEOUT, or the signal's reason. */
export async function dialSocket(endpoint: SocketEndpoint, options: DialOptions): Promise<Conn> {
  const { signal, timeoutMs } = options;
  if (signal?.aborted) throw abortReason(signal);
  const description = describeEndpoint(endpoint);
  const inbox = new Inbox();
  const socket = connect(endpoint, inbox);
  socket.pause(); // nothing is read before the first read of the connection
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(abortReason(signal as AbortSignal));
  const timer = setTimeout(
    () => reject(new CausewayError('CW_TIMEOUT', `${description} did not answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  signal?.addEventListener('abort', onAbort, { once: true });
  socket.once('connect', resolve).on('error', reject);
  try {
    await promise;
    return new SocketConn({ input: socket, output: socket, inbox, peer: plainPeer(description) });
  } catch (thrown) {
    socket.destroy();
    const code = errnoOf(thrown) === 'ETIMEDOUT' ? 'CW_TIMEOUT' : 'CW_LINK_REFUSED';
    throw linkError(code, `cannot connect to ${description}`, thrown);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
