import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { until } from '../interop/rig.ts';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
}

/** A real receiver of webhooks. It answers with the statuses it is given, then with 204. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly statuses: number[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', async (request, response) => {
      let body = '';
      for await (const piece of request.setEncoding('utf8')) body += piece;
      this.received.push({ headers: request.headers, body, path: request.url ?? '' });
      const status = this.statuses.shift() ?? 204;
      response.writeHead(status, status >= 300 && status < 400 ? { location: '/elsewhere' } : {}).end();
    });
  }

  static async start(): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Receiver(server);
  }

  get url(): string {
    const address = this.#server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    return `http://127.0.0.1:${port}/hook/very-secret-path`;
  }

  /** The first one with this event, as it was sent. */
  event(name: string, recovered = false): Promise<Received> {
    return until(`${name} has arrived`, 20_000, () => {
      const fits = ({ body }: Received) => {
        const { event, recovered: is } = JSON.parse(body) as { event: string; recovered: boolean };
        return event === name && is === recovered;
      };
      return this.received.find(fits) ?? null;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** As docs/notifications.md tells receivers to check a signature. */
export function isSigned({ headers, body }: Received, secret: string): boolean {
  const expected = createHmac('sha256', Buffer.from(secret, 'hex'))
    .update(`${headers['causeway-timestamp']}.${body}`)
    .digest('hex');
  return headers['causeway-signature'] === `v1=${expected}`;
}
