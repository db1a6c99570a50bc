import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { LIMITS } from '../../base/limits.ts';
import type { TlsIdentity } from '../net.ts';
import type { Outbound } from '../outbound.ts';
import { createNodeOutbound } from './outbound.ts';
import { peerOf } from './peer_credentials.ts';
import { createWebCertificate, type WebCertificateRequest } from './web_certificate.ts';

export interface WebServerRequest {
  readonly identity: TlsIdentity;
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  /** Whether a peer with this address may speak at all: asked before the TLS handshake. */
  readonly permits: (address: string) => boolean;
  /** Requests whose body may take any time, as long as bytes come. */
  readonly isLong: (request: Pick<IncomingMessage, 'method' | 'url'>) => boolean;
}

/** What serving the API takes of the platform. */
export interface WebPlatform {
  readonly outbound: Outbound;
  createCertificate(request: WebCertificateRequest): TlsIdentity;
  /** An HTTPS server (TLS 1.3) that does not listen yet. */
  createServer(request: WebServerRequest): Server;
  /** Who is at the other end of a Unix socket, as the kernel tells; null where it does not. */
  peerOf(socket: object): { readonly pid: number; readonly userId: number } | null;
}

function createWebServer({ identity, handler, permits, isLong }: WebServerRequest): Server {
  const server = createServer(
    {
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
      minVersion: 'TLSv1.3',
      handshakeTimeout: LIMITS.handshakeTimeoutMs.value,
      requestTimeout: 0, // of each request by itself: see limitTime
      headersTimeout: LIMITS.webRequestTimeoutMs.value,
      keepAliveTimeout: LIMITS.webIdleTimeoutMs.value,
    },
    (request, response) => {
      // the list may have changed since the connection was made
      if (!permits(request.socket.remoteAddress ?? '')) {
        request.socket.destroy();
        return;
      }
      if (isLong(request)) limitIdle(request, response);
      else limitTime(request);
      handler(request, response);
    },
  );
  server.maxConnections = LIMITS.webConnectionsMax.value;
  server.prependListener('connection', (socket: Socket) => {
    if (!permits(socket.remoteAddress ?? '')) socket.destroy();
  });
  return server as unknown as Server; // the same but for the sockets that it makes
}

/** A request that has not come in whole by then ends its connection. */
function limitTime(request: IncomingMessage): void {
  // a stream of answers goes on after its request has come
  const late = () => request.complete || request.socket.destroy();
  const timer = setTimeout(late, LIMITS.webRequestTimeoutMs.value);
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
}

/** A body may take hours, as long as bytes come. Of one that was answered before its end little more is taken. */
function limitIdle(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  socket.setTimeout(LIMITS.webIdleTimeoutMs.value);
  response.once('finish', () => {
    if (request.complete) return;
    const timer = setTimeout(() => socket.destroy(), LIMITS.uploadRefusedGraceMs.value);
    request.once('end', () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
  });
}

export function createNodeWebPlatform(): WebPlatform {
  return {
    createCertificate: createWebCertificate,
    createServer: createWebServer,
    peerOf,
    outbound: createNodeOutbound(),
  };
}
