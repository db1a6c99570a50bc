import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type {
  HttpHandler,
  HttpListen,
  HttpListener,
  HttpReply,
  HttpRequest,
  LentConnection,
} from '../http.ts';
import { gatheredBody } from './http_body.ts';
import { lendConnection } from './http_lend.ts';
import { nodeHttp } from './late_modules.ts';

/** No `requestTimeout`: a body may take hours, as long as bytes move (the idle time of the socket). */
const SERVER_OPTIONS = {
  requestTimeout: 0,
  headersTimeout: LIMITS.httpHeadersMs.value,
  keepAliveTimeout: LIMITS.httpKeepAliveMs.value,
  noDelay: true,
} as const;

class NodeHttpRequest implements HttpRequest {
  readonly #message: IncomingMessage;
  readonly #proceed: (() => void) | null;

  constructor(message: IncomingMessage, proceed: (() => void) | null) {
    this.#message = message;
    this.#proceed = proceed;
  }

  get method(): string {
    return this.#message.method ?? '';
  }

  get target(): string {
    return this.#message.url ?? '';
  }

  get address(): string {
    return this.#message.socket.remoteAddress ?? '';
  }

  get isEncrypted(): boolean {
    return 'encrypted' in this.#message.socket;
  }

  header(name: string): string | null {
    const value = this.#message.headers[name];
    return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value;
  }

  get body(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    this.#proceed?.();
    try {
      // who reads no more has an answer to send first: what is left is dropped then
      yield* gatheredBody(this.#message);
    } catch (failure) {
      throw gone(failure);
    }
    if (!this.#message.complete) throw gone(null);
  }
}

class NodeHttpReply implements HttpReply {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get isBegun(): boolean {
    return this.#response.headersSent;
  }

  begin(status: number, headers: Readonly<Record<string, string>>): void {
    this.#response.writeHead(status, headers);
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#response.destroyed) return reject(gone(null));
      this.#response.write(bytes, (failure) => (failure ? reject(gone(failure)) : resolve()));
    });
  }

  end(bytes?: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#response.destroyed) return reject(gone(null));
      this.#response.once('close', resolve);
      this.#response.end(bytes, resolve);
    });
  }

  lend(): LentConnection | null {
    return lendConnection(this.#response);
  }

  cut(): void {
    this.#response.destroy();
  }
}

function gone(cause: unknown): CausewayError {
  return new CausewayError('CW_LINK_CLOSED', 'the client went away', { cause });
}

function answer(
  handler: HttpHandler,
  message: IncomingMessage,
  response: ServerResponse,
  waits: boolean,
): void {
  let isProceeding = false;
  const proceed = () => {
    if (!isProceeding && !response.headersSent) response.writeContinue();
    isProceeding = true;
  };
  response.on('error', () => undefined); // a client that goes away: whoever writes next is told
  message.on('error', () => undefined); // as above, whoever reads is told
  const request = new NodeHttpRequest(message, waits ? proceed : null);
  handler(request, new NodeHttpReply(response)).then(
    () => {
      if (!response.writableEnded) response.destroy();
      // a client that was told to go on with its body, or did not ask, sends it: what nobody read is dropped
      if (!message.readableEnded && !message.destroyed) message.resume();
    },
    () => response.destroy(),
  );
}

function create({ tls }: HttpListen): Server {
  if (tls === null) return nodeHttp().createServer(SERVER_OPTIONS);
  const { certificatePem: cert, privateKeyPem: key } = tls;
  // TLS 1.2 too: the WebDAV client of Windows 10 knows no other
  const secure = createSecureServer({ ...SERVER_OPTIONS, cert, key, minVersion: 'TLSv1.2' });
  return secure as unknown as Server; // the same but for the sockets that it makes
}

/** Serves HTTP/1.1, over TLS where a certificate is given. CW_LINK_BUSY, CW_LINK_REFUSED. */
export async function serveNodeHttp(listen: HttpListen, handler: HttpHandler): Promise<HttpListener> {
  const server = create(listen);
  server.on('request', (message, response) => answer(handler, message, response, false));
  server.on('checkContinue', (message, response) => answer(handler, message, response, true));
  server.maxConnections = LIMITS.httpConnectionsMax.value;
  server.setTimeout(LIMITS.httpIdleMs.value, (socket: Socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (failure: NodeJS.ErrnoException) => reject(refused(listen, failure)));
    server.listen({ host: listen.host, port: listen.port, exclusive: true }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { host: listen.host, port, ended: endOf(server), close, [Symbol.asyncDispose]: close };
}

/** A failure after the server listens, such as of accepting, or its close. Without a listener for it the process would end. */
export function endOf(server: Pick<Server, 'on'>): Promise<unknown> {
  return new Promise((resolve) => {
    server.on('error', resolve);
    server.on('close', () => resolve(undefined));
  });
}

function refused({ host, port }: HttpListen, failure: NodeJS.ErrnoException): CausewayError {
  const code = failure.code === 'EADDRINUSE' ? 'CW_LINK_BUSY' : 'CW_LINK_REFUSED';
  const reason = failure.code ?? failure.message;
  return new CausewayError(code, `cannot serve at ${host}:${port} (${reason})`, { cause: failure });
}
