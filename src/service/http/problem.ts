import { asCausewayError, CausewayError, type ErrorCode } from '../../base/errors.ts';

/** An error as RFC 9457 says, with our code, and the sentence that tells what to do. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  /** The same as `detail`. */
  readonly message: string;
  readonly help: string;
}

export const PROBLEM_TYPE = 'application/problem+json';

const STATUS: Partial<Record<ErrorCode, number>> = {
  CW_AUTH_REQUIRED: 401,
  CW_AUTH_WRONG: 401,
  CW_AUTH_SECOND_FACTOR: 401,
  CW_AUTH_LOCKED: 429,
  CW_AUTH_BUSY: 503,
  CW_AUTH_LINK: 403,
  CW_AUTH_FORGED: 403,
  CW_ACCESS_DENIED: 403,
  CW_AUDIT_UNAVAILABLE: 503,
  CW_INTERNAL: 500,
  CW_DAEMON_STATE: 500,
  CW_KEY_WRONG: 500,
  CW_DISK_FULL: 507,
  CW_DISK_QUOTA: 507,
  CW_DISK_IO: 500,
  CW_LIMIT: 409,
  CW_IDEMPOTENCY_BUSY: 409,
  CW_IDEMPOTENCY_REUSED: 422,
  CW_TIMEOUT: 504,
  // the daemon did its part: a server of somebody else did not
  CW_NOTIFY_FAILED: 424,
  // nor a machine
  CW_VM_OFFLINE: 424,
  CW_AGENT_DAMAGED: 424,
};

/** What went wrong, for who asked. From afar nobody learns how an unknown failure looks inside. */
export function problemOf(failure: unknown, isLocal: boolean): Problem {
  const given = statusOfRequest(failure);
  const error =
    given === null ? asCausewayError(failure) : new CausewayError('CW_USAGE', (failure as Error).message);
  const { code, help } = error;
  const message =
    code === 'CW_INTERNAL' && !isLocal ? 'something failed inside of the daemon' : error.message;
  const status = given ?? statusOf(error);
  return {
    type: `urn:causeway:error:${code}`,
    title: titleOf(status),
    status,
    detail: message,
    code,
    message,
    help,
  };
}

/** 4xx that the HTTP layer itself has found: a body that is no JSON, too large, or not of the schema. */
function statusOfRequest(failure: unknown): number | null {
  if (failure instanceof CausewayError) return null;
  const { statusCode, validation } = failure as { statusCode?: number; validation?: unknown };
  if (validation !== undefined) return 400;
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : null;
}

function statusOf({ code, exit, next }: CausewayError): number {
  const known = STATUS[code];
  if (known !== undefined) return known;
  if (code.endsWith('_UNKNOWN')) return 404;
  if (exit === 2) return 400;
  return next === 'retry' && exit === 1 ? 503 : 409;
}

function titleOf(status: number): string {
  return TITLES[status] ?? (status < 500 ? 'The request was refused' : 'The request failed');
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is not understood',
  401: 'Sign-in needed',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Not possible now',
  422: 'Not the same request',
  429: 'Too many attempts',
};
