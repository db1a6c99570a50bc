import type { FastifyRequest } from 'fastify';
import type { Identity } from '../../access/identity.ts';
import { NOBODY } from '../../access/rights/principal.ts';
import { readSecret } from '../../access/secrets/bearer_secret.ts';
import { CausewayError } from '../../base/errors.ts';
import type { Caller } from '../caller.ts';
import { readSessionCookie } from './cookies.ts';

/** Finds out who makes a request. */
export type Credentials = (request: FastifyRequest) => Caller;

export const CSRF_HEADER = 'x-csrf-token';

/** By API token or by cookie. A token that is not valid is refused, whatever cookie there is. */
export function webCredentials(identity: Identity): Credentials {
  return (request) => {
    const address = request.socket.remoteAddress ?? '';
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const text = /^Bearer ([\w-]{1,256})$/i.exec(authorization)?.[1];
      const principal = text === undefined ? null : identity.byToken(text);
      if (principal === null)
        throw new CausewayError('CW_AUTH_REQUIRED', 'the token is not valid (any more)');
      return { principal, address, session: null };
    }
    const cookie = readSessionCookie(request.headers.cookie);
    const principal = cookie === null ? null : identity.bySession(cookie);
    const id = cookie === null ? undefined : readSecret('cwl', cookie)?.id;
    if (cookie === null || principal === null || id === undefined) {
      return { principal: NOBODY, address, session: null };
    }
    return { principal, address, session: { id, cookie } };
  };
}

/**
 * Refuses a changing request that a page of somebody else may have made a browser send: with a cookie it needs the page's
 * own proof (`isOpen`: not yet, since it is the sign-in), and in any case no other origin. CW_AUTH_FORGED.
 */
export function refuseForged(
  identity: Identity,
  request: FastifyRequest,
  { session }: Caller,
  isOpen: boolean,
): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw forged('another site');
  if (origin !== undefined && origin !== `https://${host ?? ''}`) throw forged('another origin');
  if (session === null || isOpen) return;
  const shown = request.headers[CSRF_HEADER];
  if (typeof shown !== 'string' || !identity.sessions.isCsrf(session.cookie, shown)) {
    throw forged(`a page without the header ${CSRF_HEADER}`);
  }
}

function forged(from: string): CausewayError {
  return new CausewayError('CW_AUTH_FORGED', `the request comes from ${from}`);
}
