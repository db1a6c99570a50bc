import type { HttpAnswer } from '../browser/http.ts';

interface Problem {
  readonly status: number;
  /** From the daemon's registry; CW_DAEMON_DOWN where nothing answered. */
  readonly code: string;
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly help: string;
}

/** A call that the daemon refused, or did not answer (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly help: string;

  constructor({ status, code, message, help }: Problem) {
    super(message);
    this.status = status;
    this.code = code;
    this.help = help;
  }
}

/** Reads an error report, also one as RFC 9457 writes it. */
export function errorOf({ status, body }: HttpAnswer): ApiError {
  const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = (...names: string[]): string =>
    names.map((name) => fields[name]).find((value): value is string => typeof value === 'string') ?? '';
  return new ApiError({
    status,
    code: text('code') || `HTTP ${status}`,
    message: text('message', 'detail', 'title'),
    help: text('help'),
  });
}
