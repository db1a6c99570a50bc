import type { IncomingHttpHeaders } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import type { Static } from 'typebox';
import { CausewayError, isErrorCode } from '../../src/base/errors.ts';
import type { PROCEDURES } from '../../src/contract/procedures.ts';
import { type ProcedureName, ROUTES } from '../../src/contract/routes.ts';

export interface WebAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}

export interface WebRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON, unless it is a text. */
  readonly body?: unknown;
}

type Body<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['body']>;
type Params<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['params']>;
type Result<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['result']>;

/** As a browser: keeps the cookie, shows the page's proof. Or as a program, with `token`. */
export class WebClient {
  readonly base: URL;
  readonly #localAddress: string | undefined;
  cookie: string | null = null;
  csrf: string | null = null;
  token: string | null = null;

  constructor(base: URL, localAddress?: string) {
    this.base = base;
    this.#localAddress = localAddress;
  }

  async logIn(name: string, password: string, code?: string): Promise<void> {
    const me = await this.call('logIn', {}, { name, password, ...(code !== undefined && { code }) });
    this.csrf = me.csrf;
  }

  /** Throws what the daemon reports. */
  async call<N extends ProcedureName>(name: N, params: Params<N>, body?: Body<N>): Promise<Result<N>> {
    const { status, json } = await this.tryCall(name, params, body);
    if (status < 400) return json as Result<N>;
    const { code, message } = json as { code: string; message: string };
    throw new CausewayError(isErrorCode(code) ? code : 'CW_INTERNAL', message);
  }

  tryCall(name: ProcedureName, params: object, body?: unknown): Promise<WebAnswer> {
    const { method, path } = ROUTES[name];
    const values = params as Record<string, string>;
    const filled = path.replace(/:(\w+)/g, (_, one: string) => encodeURIComponent(values[one] ?? ''));
    const isGet = method === 'GET';
    const query = isGet && body ? `?${new URLSearchParams(body as Record<string, string>)}` : '';
    return this.send(`/api${filled}${query}`, { method, ...(!isGet && body !== undefined && { body }) });
  }

  send(path: string, { method = 'GET', headers = {}, body }: WebRequest = {}): Promise<WebAnswer> {
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
    const options: RequestOptions = {
      method,
      rejectUnauthorized: false,
      ...(this.#localAddress && { localAddress: this.#localAddress }),
      headers: {
        ...(text !== null && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        }),
        ...(this.cookie !== null && { cookie: this.cookie }),
        ...(this.csrf !== null && { 'x-csrf-token': this.csrf }),
        ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
        ...headers,
      },
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, this.base), options, async (response) => {
        try {
          let received = '';
          for await (const piece of response.setEncoding('utf8')) received += piece;
          this.#keepCookie(response.headers['set-cookie']?.[0]);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: received,
            json:
              /json/.test(response.headers['content-type'] ?? '') &&
              !/ndjson/.test(response.headers['content-type'] ?? '') &&
              received !== ''
                ? JSON.parse(received)
                : null,
          });
        } catch (failure) {
          reject(failure);
        }
      });
      outgoing.on('error', reject);
      outgoing.end(text ?? undefined);
    });
  }

  #keepCookie(header: string | undefined): void {
    if (header === undefined) return;
    const pair = header.split(';')[0] ?? '';
    this.cookie = pair.endsWith('=') ? null : pair;
  }
}
