import type { Static } from 'typebox';
import type { PROCEDURES } from '../../contract/procedures.ts';
import { HTTPS_PREFIX, type ProcedureName, ROUTES } from '../../contract/routes.ts';
import { request } from '../browser/http.ts';
import { ApiError, errorOf } from './errors.ts';

export type Body<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['body']>;
export type Params<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['params']>;
export type Result<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['result']>;

/** What proves that a changing request comes from this page; the daemon gives it to who is signed in. */
let csrfToken: string | null = null;

export function setCsrf(token: string | null): void {
  csrfToken = token;
}

/** What a changing request shows; {@link call} does it by itself. */
export function csrfHeaders(): Record<string, string> {
  return csrfToken === null ? {} : { 'x-csrf-token': csrfToken };
}

/**
 * Calls one procedure; `body` goes into the query of a GET. A call with the same key is done once, however often it is
 * sent. Throws {@link ApiError}.
 */
export async function call<N extends ProcedureName>(
  name: N,
  params: Params<N>,
  body?: Body<N>,
  idempotencyKey?: string,
): Promise<Result<N>> {
  const { method, path } = ROUTES[name];
  const filled = HTTPS_PREFIX + fill(path, params as Record<string, string>);
  const isGet = method === 'GET';
  const answer = await request({
    method,
    path: isGet ? filled + queryOf(body ?? {}) : filled,
    headers: {
      ...(!isGet && csrfHeaders()),
      ...(idempotencyKey !== undefined && { 'idempotency-key': `"${idempotencyKey}"` }),
    },
    ...(isGet ? {} : { body: body ?? {} }),
  }).catch(() => {
    throw new ApiError({ status: 0, code: 'CW_DAEMON_DOWN', message: '', help: '' });
  });
  if (answer.status >= 200 && answer.status < 300) return answer.body as Result<N>;
  throw errorOf(answer);
}

export function queryOf(values: object): string {
  const query = Object.entries(values as Record<string, unknown>).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(String(one))}`),
  );
  return query.length === 0 ? '' : `?${query.join('&')}`;
}

export function fill(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}
