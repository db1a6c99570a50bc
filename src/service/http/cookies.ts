/** The prefix makes browsers insist on Secure, on the path `/`, and on this very host (RFC 6265bis section 4.1.3.2). */
export const SESSION_COOKIE = '__Host-causeway';
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict';

/** The value of Set-Cookie that signs a browser in for as long, or out with null. */
export function sessionCookie(value: string | null, lifeMs: number): string {
  const seconds = value === null ? 0 : Math.floor(lifeMs / 1_000);
  return `${SESSION_COOKIE}=${value ?? ''}; Max-Age=${seconds}; ${ATTRIBUTES}`;
}

/** The session's cookie in a Cookie header; null where there is none. */
export function readSessionCookie(header: string | undefined): string | null {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === SESSION_COOKIE) return pair.slice(at + 1).trim();
  }
  return null;
}
