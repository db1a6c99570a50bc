import { concat, fromHex, utf8 } from '../base/bytes.ts';
import { encodeCbor } from './cbor.ts';

/** A change of a key, as both sides of a link know it. Fingerprints are SHA-256 of certificates, lower-case hex. */
export interface KeyChange {
  /** Whose key it is. */
  readonly owner: 'agent' | 'host';
  /** The key that the owner has proven on this link. */
  readonly from: string;
  readonly to: string;
  /** The key of the side that is told. */
  readonly peer: string;
  /** Drawn by the side that is told, for this one change. */
  readonly nonce: Uint8Array;
}

export const KEY_NONCE_BYTES = 16;
const LABEL = utf8('causeway key change 1\n');

/** What the former and the new key both sign: the former one vouches for the new one, which proves that it is there. */
export function signedKeyChange({ owner, from, to, peer, nonce }: KeyChange): Uint8Array {
  const fields = { owner, from: fromHex(from), to: fromHex(to), peer: fromHex(peer), nonce };
  return concat([LABEL, encodeCbor(fields)]);
}
