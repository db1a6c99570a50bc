import type { Argon2Cost } from '../../world/cryptography.ts';

/** A hashed password with all that it takes to check one against it. */
export interface HashedPassword {
  readonly cost: Argon2Cost;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

const KIB = 1024;
const VERSION = 19;
const FORM =
  /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/;

/** The PHC string format: `$argon2id$v=19$m=65536,t=3,p=1$SALT$HASH`, base64 without padding, memory in KiB. */
export function formatPhc({ cost, salt, hash }: HashedPassword): string {
  const costs = `m=${cost.memoryBytes / KIB},t=${cost.passes},p=${cost.lanes}`;
  return `$argon2id$v=${VERSION}$${costs}$${toBase64(salt)}$${toBase64(hash)}`;
}

/** Null for any other text: another algorithm, version or form. */
export function parsePhc(text: string): HashedPassword | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [memoryKib, passes, lanes] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (passes < 1 || lanes < 1 || memoryKib < 8 * lanes) return null; // RFC 9106 section 3.1
  const cost = { memoryBytes: memoryKib * KIB, passes, lanes };
  return { cost, salt: fromBase64(match[4] as string), hash: fromBase64(match[5] as string) };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
