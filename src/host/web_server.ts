import fastify, { type FastifyInstance } from 'fastify';
import { CausewayError } from '../base/errors.ts';
import { HTTPS_PREFIX, UPLOAD_FILE_PATH } from '../contract/routes.ts';
import type { WebView } from '../contract/schemas.ts';
import { addConsole } from '../service/http/console_routes.ts';
import { webCredentials } from '../service/http/credentials.ts';
import { addApi, serverOptions } from '../service/http/routes.ts';
import { addSecurityHeaders } from '../service/http/security_headers.ts';
import type { Service } from '../service/service.ts';
import type { TlsIdentity } from '../world/net.ts';
import { endOf } from '../world/node/http_server.ts';
import type { WebPlatform } from '../world/node/web_platform.ts';
import type { World } from '../world/world.ts';
import { FirstLink } from './first_link.ts';

/** Where files of uploads come. */
const UPLOAD_FILE = new RegExp(`^${HTTPS_PREFIX}${UPLOAD_FILE_PATH.replace(':id', '[^/]+')}(?:[?]|$)`);

/** Where the console is served. */
export interface WebListen {
  readonly host: string;
  readonly port: number;
  /** Nobody has asked for this very port: where it is taken, another one serves. */
  readonly isDefault: boolean;
}

export interface WebServerParts {
  readonly world: Pick<World, 'disk' | 'clock'>;
  readonly service: Service;
  readonly platform: WebPlatform;
  readonly identity: TlsIdentity;
  readonly listen: WebListen;
  readonly consoleFolder: string;
}

/** The console and the API by HTTPS. */
export class WebServer {
  readonly #server: FastifyInstance;
  readonly #first: FirstLink;
  readonly url: string;
  readonly port: number;
  /** See {@link RunningPart}. */
  readonly ended: Promise<unknown>;
  readonly #fingerprint: string;

  private constructor(
    server: FastifyInstance,
    first: FirstLink,
    at: { readonly url: string; readonly port: number },
    fingerprint: string,
  ) {
    this.#server = server;
    this.ended = endOf(server.server);
    this.#first = first;
    this.url = at.url;
    this.port = at.port;
    this.#fingerprint = fingerprint;
  }

  /** CW_LINK_BUSY where the port is taken, CW_LINK_REFUSED for an address that this machine does not have. */
  static async start(parts: WebServerParts): Promise<WebServer> {
    const { world, service, listen, identity } = parts;
    const server = createServer(parts);
    addSecurityHeaders(server);
    const credentials = webCredentials(service.parts.identity);
    addApi(server, service, { prefix: HTTPS_PREFIX, isLocal: false, credentials });
    addConsole(server, world.disk, parts.consoleFolder);
    try {
      const port = await bind(server, listen);
      const first = new FirstLink(service.parts.identity, world.clock);
      const url = `https://${shownHost(listen.host)}:${port}`;
      return new WebServer(server, first, { url, port }, identity.fingerprint);
    } catch (failure) {
      await server.close();
      throw failure;
    }
  }

  async view(): Promise<WebView> {
    const link = await this.#first.text();
    return {
      url: `${this.url}/`,
      welcomeUrl: link === null ? null : `${this.url}/#/welcome/${link}`,
      certificateFingerprint: this.#fingerprint,
    };
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

function createServer({ platform, identity, service }: WebServerParts): FastifyInstance {
  return fastify({
    ...serverOptions(false),
    serverFactory: (handler) =>
      platform.createServer({
        identity,
        handler,
        permits: (address) => service.parts.allow.permits(address),
        isLong: ({ method, url }) => method === 'PUT' && UPLOAD_FILE.test(url ?? ''),
      }),
  });
}

/** The port in use. */
async function bind(server: FastifyInstance, { host, port, isDefault }: WebListen): Promise<number> {
  try {
    await server.listen({ host, port });
  } catch (failure) {
    if (!isDefault || errnoOf(failure) !== 'EADDRINUSE') throw refused(failure, host, port);
    await server.listen({ host, port: 0 });
  }
  const address = server.server.address();
  return address !== null && typeof address === 'object' ? address.port : port;
}

function refused(failure: unknown, host: string, port: number): CausewayError {
  const code = errnoOf(failure) === 'EADDRINUSE' ? 'CW_LINK_BUSY' : 'CW_LINK_REFUSED';
  const reason = failure instanceof Error ? failure.message : String(failure);
  return new CausewayError(code, `the console cannot be served at ${host}:${port} (${reason})`, {
    cause: failure,
  });
}

function errnoOf(failure: unknown): string {
  return String((failure as { code?: unknown }).code ?? '');
}

/** What people can open: an address for all interfaces is reached at this machine by the loopback. */
function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
