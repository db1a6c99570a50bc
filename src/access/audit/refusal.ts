import { asCausewayError, CausewayError } from '../../base/errors.ts';

export function unavailable(message: string, cause?: unknown): CausewayError {
  return new CausewayError('CW_AUDIT_UNAVAILABLE', message, cause === undefined ? {} : { cause });
}

/** The error of work that cannot be recorded, whatever the reason. */
export function refusal(what: string, failure: unknown): CausewayError {
  const cause = asCausewayError(failure);
  return cause.code === 'CW_AUDIT_UNAVAILABLE' ? cause : unavailable(`${what}: ${cause.message}`, failure);
}
