import type { CausewayError } from '../base/errors.ts';
import type { Reached } from './link.ts';

/** Reasons of the system for which a dial fails although nothing of the peer has answered. */
const UNANSWERED = [
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
];

/** What a dial that failed says of the other end; null where it says nothing of it. */
export function reachedByFailedDial(error: CausewayError): Reached | null {
  if (error.code === 'CW_TIMEOUT') return 'nothing';
  if (error.code !== 'CW_LINK_REFUSED') return null;
  const { code } = (error.cause ?? {}) as { readonly code?: unknown };
  if (code === 'ECONNRESET') return 'cut'; // taken and cut before the dial could tell
  return typeof code === 'string' && UNANSWERED.includes(code) ? 'nothing' : 'refused';
}

/** The same of a connection that was made and did not come to a link. */
export function reachedByFailedGreeting(reached: Reached | null, error: CausewayError): Reached | null {
  return error.code === 'CW_TIMEOUT' || reached === 'port' ? reached : 'cut';
}
