import { concat, fromHex, utf8 } from '../../base/bytes.ts';
import type { Identities } from '../../world/net.ts';

const LABEL = utf8('causeway-pair-v1');

/** The two ends of one connection: SHA-256 of their certificates, lower-case hex. */
export interface PairFingerprints {
  readonly dialer: string;
  readonly acceptor: string;
}

/**
 * Proof that the dialling side knows `secret`: HMAC-SHA-256 over a label and both fingerprints. TLS has proven the
 * keys behind the fingerprints, so a proof that is seen by one acceptor is worthless to anyone with another key and
 * towards any other acceptor.
 */
export function pairingProof(identities: Identities, secret: Uint8Array, ends: PairFingerprints): Uint8Array {
  return identities.hmac(secret, concat([LABEL, fromHex(ends.dialer), fromHex(ends.acceptor)]));
}

/** Compares in a time that depends on the length only. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  let difference = 0;
  for (let i = 0; i < a.byteLength; i += 1) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}
