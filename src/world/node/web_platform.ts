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

function createWebServer({ identity, handler, permits }: WebServerRequest): Server {
  const server = createServer(
    {
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
      minVersion: 'TLSv1.3',
      handshakeTimeout: LIMITS.handshakeTimeoutMs.value,
      requestTimeout: LIMITS.webRequestTimeoutMs.value,
      headersTimeout: LIMITS.webRequestTimeoutMs.value,
      keepAliveTimeout: LIMITS.webIdleTimeoutMs.value,
    },
    (request, response) => {
      // the list may have changed since the connection was made
      if (permits(request.socket.remoteAddress ?? '')) handler(request, response);
      else request.socket.destroy();
    },
  );
  server.maxConnections = LIMITS.webConnectionsMax.value;
  server.prependListener('connection', (socket: Socket) => {
    if (!permits(socket.remoteAddress ?? '')) socket.destroy();
  });
  return server as unknown as Server; // the same but for the sockets that it makes
}

export function createNodeWebPlatform(): WebPlatform {
  return {
    createCertificate: createWebCertificate,
    createServer: createWebServer,
    peerOf,
    outbound: createNodeOutbound(),
  };
}
