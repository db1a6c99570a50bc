import { concat, equalBytes, fromUtf8, toHex, utf8 } from '../../base/bytes.ts';
import { hashParts } from '../../base/hash.ts';
import type { Identities, SignedMessage, TlsIdentity } from '../net.ts';
import type { Dice } from './dice.ts';
import type { SimProcess } from './process.ts';

const SECRET_BYTES = 32;

function toPem(label: string, body: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(body).toString('base64')}\n-----END ${label}-----\n`;
}

function fromPem(pem: string): Uint8Array {
  return Buffer.from(pem.split('\n')[1] ?? '', 'base64');
}

function publicKeyOf(secret: Uint8Array): string {
  return toHex(hashParts([utf8('public key'), secret]));
}

function fingerprintOf(certificate: Uint8Array): string {
  return toHex(hashParts([certificate]));
}

/** True where fingerprint, certificate and private key belong together. */
export function isConsistent(identity: TlsIdentity): boolean {
  const certificate = fromPem(identity.certificatePem);
  if (fingerprintOf(certificate) !== identity.fingerprint) return false;
  const key = utf8(publicKeyOf(fromPem(identity.privateKeyPem)));
  return (
    equalBytes(certificate.subarray(certificate.byteLength - key.byteLength), key) &&
    fromUtf8(certificate) !== null
  );
}

/** Identities without cryptography, from the seed: good enough to compare, to pin and to get wrong. */
export class SimIdentities implements Identities {
  readonly #process: SimProcess;
  readonly #dice: Dice;

  constructor(process: SimProcess, dice: Dice) {
    this.#process = process;
    this.#dice = dice;
  }

  create(commonName: string): Promise<TlsIdentity> {
    return this.#process.operate('identity', commonName, () => {
      const secret = this.#dice.bytes(SECRET_BYTES);
      const certificate = utf8(`CN=${commonName}\n${publicKeyOf(secret)}`);
      return {
        certificatePem: toPem('CERTIFICATE', certificate),
        privateKeyPem: toPem('PRIVATE KEY', secret),
        fingerprint: fingerprintOf(certificate),
      };
    });
  }

  /** A keyed BLAKE3 over length-prefixed parts in place of HMAC-SHA-256. */
  hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
    return hashParts([utf8(`hmac ${key.byteLength} `), key, message]);
  }

  /** What anybody could make who knows the certificate: enough to tell right from wrong, and one from another. */
  sign({ certificatePem }: TlsIdentity, message: Uint8Array): Uint8Array {
    const half = hashParts([utf8('signature'), fromPem(certificatePem), message]);
    return concat([half, half]);
  }

  verify({ message, signature, certificatePem }: SignedMessage, fingerprint: string): boolean {
    const identity = { certificatePem, privateKeyPem: '', fingerprint };
    return (
      fingerprintOf(fromPem(certificatePem)) === fingerprint &&
      equalBytes(this.sign(identity, message), signature)
    );
  }
}
