import type { LookupAddress } from 'node:dns';
import { lookup as resolveName } from 'node:dns';
import { type RequestOptions, request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { CausewayError } from '../../base/errors.ts';
import type { Outbound, OutboundPost } from '../outbound.ts';
import { nodeHttp } from './late_modules.ts';
import { runCommand } from './run_command.ts';

function refusedAddress(address: string): CausewayError {
  return new CausewayError('CW_NOTIFY_ADDRESS', `${address} may not be reached`);
}

/** Resolves a name to addresses that are permitted: looked at here, they are those that the connection is made to. */
function lookupWithin(permits: (address: string) => boolean): LookupFunction {
  return (hostname, options, done) => {
    resolveName(hostname, { ...options, all: true }, (failure, found) => {
      if (failure) return done(failure, '', 0);
      const good = (found as LookupAddress[]).filter(({ address }) => permits(address));
      const [first] = good;
      if (first === undefined) return done(refusedAddress(hostname), '', 0);
      if (options.all === true) done(null, good);
      else done(null, first.address, first.family);
    });
  };
}

function post(
  { url, headers, body, timeoutMs, permits }: OutboundPost,
  signal: AbortSignal,
): Promise<number> {
  const target = new URL(url);
  const host = target.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !permits(host)) return Promise.reject(refusedAddress(host));
  const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const options: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'content-length': body.byteLength },
    agent: false,
    lookup: lookupWithin(permits),
    signal: over,
  };
  const request = target.protocol === 'https:' ? requestHttps : nodeHttp().request;
  return new Promise((resolve, reject) => {
    const outgoing = request(target, options, (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy(); // what it says is not asked for
    });
    outgoing.on('error', (failure: NodeJS.ErrnoException) => {
      if (failure instanceof CausewayError) return reject(failure);
      const late = over.aborted && !signal.aborted;
      const why = late ? `no answer within ${timeoutMs} ms` : (failure.code ?? failure.message);
      // the URL may be a secret: only the server is named
      reject(new CausewayError('CW_NOTIFY_FAILED', `${target.host} did not take the notification (${why})`));
    });
    outgoing.end(body);
  });
}

export function createNodeOutbound(): Outbound {
  return { post, run: runCommand };
}
