import { CausewayError } from '../../base/errors.ts';
import type { CborMap } from '../../wire/cbor_value.ts';
import { bytes, text } from '../../wire/fields.ts';
import { type KeyChange, signedKeyChange } from '../../wire/key_change.ts';
import type { Identities, TlsIdentity } from '../../world/net.ts';
import { isFingerprint } from './trust_store.ts';

const SIGNATURE_BYTES = 64;
const CERTIFICATE_MAX_BYTES = 8 * 1024;

/** Tells a peer of a new key: its certificate, that of the former one, and what each of the two has signed. */
export function proveKeyChange(
  identities: Identities,
  keys: { readonly from: TlsIdentity; readonly to: TlsIdentity },
  about: Pick<KeyChange, 'owner' | 'peer' | 'nonce'>,
): CborMap {
  const { from, to } = keys;
  const message = signedKeyChange({ ...about, from: from.fingerprint, to: to.fingerprint });
  return {
    fingerprint: to.fingerprint,
    certificate: to.certificatePem,
    signature: identities.sign(to, message),
    formerCertificate: from.certificatePem,
    formerSignature: identities.sign(from, message),
  };
}

/**
 * The fingerprint of the new key. `about.from` is the key that the peer has proven on this link. CW_PAIR_PROOF where one
 * of the two has not signed this very change, CW_WIRE_MALFORMED.
 */
export function checkKeyChange(identities: Identities, told: CborMap, about: Omit<KeyChange, 'to'>): string {
  const to = text(told, 'fingerprint', 64);
  if (!isFingerprint(to)) throw refused('the new key has no fingerprint');
  if (to === about.from) throw refused('the new key is the former one');
  const message = signedKeyChange({ ...about, to });
  const own = {
    message,
    signature: bytes(told, 'signature', SIGNATURE_BYTES),
    certificatePem: text(told, 'certificate', CERTIFICATE_MAX_BYTES),
  };
  const former = {
    message,
    signature: bytes(told, 'formerSignature', SIGNATURE_BYTES),
    certificatePem: text(told, 'formerCertificate', CERTIFICATE_MAX_BYTES),
  };
  if (!identities.verify(former, about.from))
    throw refused('the change is not signed with the key that this link was made with');
  if (!identities.verify(own, to)) throw refused('the new key is not there: it has not signed the change');
  return to;
}

function refused(message: string): CausewayError {
  return new CausewayError('CW_PAIR_PROOF', message);
}
