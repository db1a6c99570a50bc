import { fromHex, toHex, utf8 } from '../../base/bytes.ts';
import { hashParts } from '../../base/hash.ts';
import type { Cryptography } from '../../world/cryptography.ts';
import type { AccessPorts } from '../ports.ts';

/** What a secret is good for: `cwt` API token, `cwl` signed-in browser, `cwi` one-time link. */
export type SecretKind = 'cwt' | 'cwl' | 'cwi';

/** A secret as it is stored: its id finds it, its hash proves it. 256 random bits need no slow hash. */
export interface StoredSecret {
  /** 16 hex digits. */
  readonly id: string;
  /** BLAKE3 of kind, id and secret; hex. */
  readonly hash: string;
}

/** A secret at the moment it is made: the only time that its text is known. */
export interface IssuedSecret extends StoredSecret {
  /** KIND_ID_SECRET: letters, digits, `-` and `_`. */
  readonly text: string;
}

const ID_BYTES = 8;
const SECRET_BYTES = 32;
const FORM = /^(cwt|cwl|cwi)_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export function issueSecret(random: AccessPorts['random'], kind: SecretKind): IssuedSecret {
  const id = toHex(random.bytes(ID_BYTES));
  const secret = random.bytes(SECRET_BYTES);
  return { id, hash: hashOf(kind, id, secret), text: `${kind}_${id}_${toBase64Url(secret)}` };
}

/** What would be stored of a secret that somebody shows; null for any other text. */
export function readSecret(kind: SecretKind, text: string): StoredSecret | null {
  const parts = partsOf(kind, text);
  return parts === null ? null : { id: parts.id, hash: hashOf(kind, parts.id, parts.secret) };
}

/** Whether what was shown is what was stored, in constant time. */
export function isSameSecret(crypto: Cryptography, shown: StoredSecret, stored: StoredSecret): boolean {
  return shown.id === stored.id && crypto.equal(fromHex(shown.hash), fromHex(stored.hash));
}

/**
 * A second secret that only who holds the first one can know, and that does not give the first one away: HMAC-SHA-256
 * of `label` under it, base64url. Null for any other text.
 */
export function derivedSecret(
  crypto: Cryptography,
  kind: SecretKind,
  text: string,
  label: string,
): string | null {
  const parts = partsOf(kind, text);
  if (parts === null) return null;
  return toBase64Url(crypto.hmac('sha256', parts.secret, utf8(`${kind} ${parts.id} ${label}`)));
}

function partsOf(kind: SecretKind, text: string): { id: string; secret: Uint8Array } | null {
  const match = FORM.exec(text);
  if (match === null || match[1] !== kind) return null;
  const secret = new Uint8Array(Buffer.from(match[3] as string, 'base64url'));
  // 43 characters hold 258 bits: a text whose last two bits are set is another spelling of the same secret
  if (toBase64Url(secret) !== match[3]) return null;
  return { id: match[2] as string, secret };
}

function hashOf(kind: SecretKind, id: string, secret: Uint8Array): string {
  return toHex(hashParts([utf8(`${kind} ${id} `), secret]));
}

function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
