import { concat, fromHex, toHex, utf8 } from '../../base/bytes.ts';
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, type Aead } from '../../world/cryptography.ts';

/** KEY-ID.NONCE+CIPHERTEXT+TAG, both in hex. */
const FORM = /^([0-9a-f]{16})\.((?:[0-9a-f]{2})+)$/;

interface MasterKey {
  readonly id: string;
  readonly key: Uint8Array;
}

export function sealText(
  aead: Aead,
  master: MasterKey,
  nonce: Uint8Array,
  purpose: string,
  secret: Uint8Array,
): string {
  const sealed = aead.seal(master.key, nonce, secret, utf8(`${master.id} ${purpose}`));
  return `${master.id}.${toHex(concat([nonce, sealed]))}`;
}

/** The id of the key that a text was sealed with; null for any other text. */
export function keyIdOf(text: string): string | null {
  return FORM.exec(text)?.[1] ?? null;
}

/** Null where the text was not sealed with this key for this purpose. */
export function openText(aead: Aead, master: MasterKey, purpose: string, text: string): Uint8Array | null {
  const match = FORM.exec(text);
  if (match === null || match[1] !== master.id) return null;
  const bytes = fromHex(match[2] as string);
  if (bytes.byteLength < AEAD_NONCE_BYTES + AEAD_TAG_BYTES) return null;
  const nonce = bytes.subarray(0, AEAD_NONCE_BYTES);
  return aead.open(master.key, nonce, bytes.subarray(AEAD_NONCE_BYTES), utf8(`${master.id} ${purpose}`));
}
