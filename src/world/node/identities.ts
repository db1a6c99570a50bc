import {
  createHash,
  createHmac,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify as verifySignature,
  X509Certificate,
} from 'node:crypto';
import type { Identities, SignedMessage, TlsIdentity } from '../net.ts';
import { encodeCertificate } from './certificate_der.ts';

/** A pinned certificate does not expire in practice; trust ends by unpinning it. */
const VALID_YEARS = 30;
/** Clocks of freshly booted machines are often behind. */
const BACKDATED_YEARS = 1;
const YEAR_MS = 365.25 * 86_400_000;

/** SHA-256 of a certificate's DER bytes as lower-case hex. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

async function create(commonName: string): Promise<TlsIdentity> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const nowMs = Date.now();
  const der = encodeCertificate({
    serial: randomBytes(16),
    commonName,
    notBefore: new Date(nowMs - BACKDATED_YEARS * YEAR_MS),
    notAfter: new Date(nowMs + VALID_YEARS * YEAR_MS),
    publicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
    sign: (body) => sign(null, body, privateKey),
  });
  return {
    certificatePem: toPem('CERTIFICATE', der),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    fingerprint: fingerprintOf(der),
  };
}

function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(message).digest());
}

function signed({ privateKeyPem }: TlsIdentity, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, privateKeyPem));
}

function verify({ message, signature, certificatePem }: SignedMessage, fingerprint: string): boolean {
  try {
    const certificate = new X509Certificate(certificatePem);
    const { publicKey } = certificate;
    if (fingerprintOf(certificate.raw) !== fingerprint || publicKey.asymmetricKeyType !== 'ed25519')
      return false;
    return verifySignature(null, message, publicKey, signature);
  } catch {
    return false; // no certificate, or no signature: nothing that the owner has signed
  }
}

/** Device keys: Ed25519 (RFC 8410) with a self-signed certificate (RFC 5280), valid for 30 years. */
export function createNodeIdentities(): Identities {
  return { create, hmac, sign: signed, verify };
}
