import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import type { Endpoint } from '../net.ts';

export function describeEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'tcp':
      return `tcp ${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
    case 'unix':
      return `unix ${endpoint.path}`;
    case 'device':
      return `serial ${endpoint.path}`;
    case 'exec':
      return `exec ${endpoint.argv.join(' ')}`;
    case 'stdio':
      return 'stdio';
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the other side cut it',
  EPIPE: 'the other side cut it',
  ENOENT: 'it does not exist',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be looked up now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no answer',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EADDRINUSE: 'something else listens there',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOTSOCK: 'it is not a socket',
  EBUSY: 'another program has it open',
  ENODEV: 'the device is gone',
  ENXIO: 'the device is gone',
};

/** The short name of what went wrong: of the last attempt where several addresses were tried. */
export function errnoOf(thrown: unknown): string {
  const error = thrown as { code?: string; errors?: readonly { code?: string }[] };
  return error.code ?? error.errors?.at(-1)?.code ?? 'EIO';
}

function reasonOf(thrown: unknown): string {
  const errno = errnoOf(thrown);
  const known = REASONS[errno];
  if (known !== undefined) return `${known} (${errno})`;
  return thrown instanceof Error && thrown.message !== '' ? thrown.message : errno;
}

/** `cannot connect to tcp 10.0.0.2:4433: nothing listens there (ECONNREFUSED)`. */
export function linkError(code: ErrorCode, what: string, thrown: unknown): CausewayError {
  if (thrown instanceof CausewayError) return thrown;
  return new CausewayError(code, `${what}: ${reasonOf(thrown)}`, { cause: thrown });
}

/** The error of every call on a connection that this side closed. */
export function closedError(description: string): CausewayError {
  return new CausewayError('CW_LINK_CLOSED', `the connection (${description}) is closed`);
}

/** A connection that ended without its end being said. */
export function cutError(description: string, thrown: unknown): CausewayError {
  const isTls = (thrown as { code?: unknown } | null)?.code?.toString().startsWith('ERR_SSL_') ?? false;
  if (isTls)
    return new CausewayError('CW_TLS_FAILED', `${description}: ${tlsReason(thrown)}`, { cause: thrown });
  if (thrown === null) return new CausewayError('CW_LINK_CLOSED', `${description} was cut`);
  return linkError('CW_LINK_CLOSED', `${description} was cut`, thrown);
}

/** OpenSSL's own words, which are the part of its message that people can look up. */
export function tlsReason(thrown: unknown): string {
  const error = thrown as { reason?: string; message?: string; code?: string };
  return error.reason ?? (error.message || error.code) ?? 'unknown reason';
}
