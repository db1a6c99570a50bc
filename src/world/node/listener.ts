import net from 'node:net';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { BoundedQueue } from '../../base/queue.ts';
import type { Conn, Endpoint, Listener } from '../net.ts';
import { type SocketEndpoint, TCP_OPTIONS } from './dial_socket.ts';
import { enableDirectReads } from './direct_reads.ts';
import { Inbox } from './inbox.ts';
import { describeEndpoint, errnoOf, linkError } from './net_errors.ts';
import { plainPeer, SocketConn } from './socket_conn.ts';
import { placeUnixSocket, type UnixSocketFile } from './unix_socket_file.ts';

/** Accepted connections wait in a queue of LIMITS.unauthenticatedMax; further ones are cut at once. */
class NodeListener implements Listener {
  readonly endpoint: Endpoint;
  readonly #server: net.Server;
  readonly #file: UnixSocketFile | null;
  readonly #accepted = new BoundedQueue<Conn>(LIMITS.unauthenticatedMax.value);
  #closing: Promise<void> | null = null;

  constructor(server: net.Server, endpoint: Endpoint, file: UnixSocketFile | null) {
    this.#server = server;
    this.endpoint = endpoint;
    this.#file = file;
    server.on('connection', (socket) => this.#take(socket));
    server.on('error', () => undefined); // one connection could not be accepted, for want of descriptors; the next may
  }

  async accept(): Promise<Conn> {
    const conn = await this.#accepted.pull();
    if (conn === null)
      throw new CausewayError(
        'CW_LINK_CLOSED',
        `${describeEndpoint(this.endpoint)} is not listened on any more`,
      );
    return conn;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(socket: net.Socket): void {
    const inbox = new Inbox();
    enableDirectReads(socket, inbox);
    const { kind } = this.endpoint;
    const { remoteAddress: host = 'unknown', remotePort: port = 0 } = socket;
    const description =
      kind === 'tcp' ? describeEndpoint({ kind, host, port }) : describeEndpoint(this.endpoint);
    const conn = new SocketConn({ input: socket, output: socket, inbox, peer: plainPeer(description) });
    if (this.#closing !== null || !this.#accepted.tryPush(conn)) void conn.close();
  }

  async #close(): Promise<void> {
    this.#server.close(); // stops listening at once; connections that were accepted live on
    this.#accepted.close();
    for (let conn = await this.#accepted.pull(); conn !== null; conn = await this.#accepted.pull())
      await conn.close();
    await this.#file?.remove();
  }
}

function listening(server: net.Server, options: net.ListenOptions): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function listenError(endpoint: SocketEndpoint, thrown: unknown): CausewayError {
  const errno = errnoOf(thrown);
  const isDenied = errno === 'EACCES' || errno === 'EPERM';
  const code = errno === 'EADDRINUSE' ? 'CW_LINK_BUSY' : isDenied ? 'CW_DISK_PERMISSION' : 'CW_LINK_REFUSED';
  return linkError(code, `cannot listen on ${describeEndpoint(endpoint)}`, thrown);
}

/** Listens on a TCP address (port 0: any free one) or a Unix socket. CW_LINK_BUSY, CW_DISK_PERMISSION, CW_LINK_REFUSED. */
export async function listenSocket(endpoint: SocketEndpoint): Promise<Listener> {
  const server = net.createServer({ pauseOnConnect: true, ...TCP_OPTIONS });
  try {
    if (endpoint.kind === 'unix') {
      const file = await placeUnixSocket(endpoint.path, (path) => listening(server, { path }));
      return new NodeListener(server, endpoint, file);
    }
    await listening(server, { host: endpoint.host, port: endpoint.port, exclusive: true });
    const { port } = server.address() as net.AddressInfo;
    return new NodeListener(server, { ...endpoint, port }, null);
  } catch (thrown) {
    server.close();
    throw listenError(endpoint, thrown);
  }
}
