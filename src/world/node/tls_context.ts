import tls from 'node:tls';
import type { TlsIdentity, TlsOptions } from '../net.ts';

type CipherClass = NonNullable<TlsOptions['cipherClass']>;

const AES_256 = 'TLS_AES_256_GCM_SHA384';
const AES_128 = 'TLS_AES_128_GCM_SHA256';
const CHACHA = 'TLS_CHACHA20_POLY1305_SHA256';

/** The class's own cipher first, then what is at least as strong, so that sides of different classes still agree. */
const CIPHERS: Readonly<Record<CipherClass, readonly string[]>> = {
  sensitive: [AES_256, CHACHA],
  standard: [AES_128, AES_256, CHACHA],
  chacha: [CHACHA, AES_256],
};

/** The hybrid with ML-KEM-768 first: what is recorded today stays closed to a quantum computer of later. */
const GROUPS = 'X25519MLKEM768:X25519:secp256r1';

const contexts = new WeakMap<TlsIdentity, Map<CipherClass, tls.SecureContext>>();

/** The TLS set-up of an identity: TLS 1.3 (RFC 8446) and nothing older. Made once per identity and class. */
export function tlsContext(identity: TlsIdentity, cipherClass: CipherClass = 'sensitive'): tls.SecureContext {
  const known = contexts.get(identity) ?? new Map<CipherClass, tls.SecureContext>();
  contexts.set(identity, known);
  let context = known.get(cipherClass);
  if (context === undefined) {
    context = tls.createSecureContext({
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ciphers: CIPHERS[cipherClass].join(':'),
      honorCipherOrder: true,
      ecdhCurve: GROUPS,
    });
    known.set(cipherClass, context);
  }
  return context;
}
