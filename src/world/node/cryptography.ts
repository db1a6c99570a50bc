import {
  argon2,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { promisify } from 'node:util';
import {
  AEAD_TAG_BYTES,
  type Aead,
  type Argon2Cost,
  type Cryptography,
  type Signatures,
} from '../cryptography.ts';

const CIPHER = 'aes-256-gcm';
const TAG = { authTagLength: AEAD_TAG_BYTES };
/** What stands before the 32 bytes of an Ed25519 key in PKCS #8 and SPKI (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const argon2Async = promisify(argon2);

const aead: Aead = {
  seal(key, nonce, plain, associated) {
    const cipher = createCipheriv(CIPHER, key, nonce, TAG);
    cipher.setAAD(associated);
    const body = cipher.update(plain);
    cipher.final();
    const sealed = new Uint8Array(body.byteLength + AEAD_TAG_BYTES);
    sealed.set(body);
    sealed.set(cipher.getAuthTag(), body.byteLength);
    return sealed;
  },

  sealInto(key, nonce, plain, associated, into) {
    const cipher = createCipheriv(CIPHER, key, nonce, TAG);
    cipher.setAAD(associated);
    const body = cipher.update(plain);
    cipher.final();
    into.set(nonce);
    into.set(body, nonce.byteLength);
    into.set(cipher.getAuthTag(), nonce.byteLength + body.byteLength);
    return nonce.byteLength + body.byteLength + AEAD_TAG_BYTES;
  },

  open(key, nonce, sealed, associated) {
    const bodyBytes = sealed.byteLength - AEAD_TAG_BYTES;
    if (bodyBytes < 0) return null;
    const decipher = createDecipheriv(CIPHER, key, nonce, TAG);
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(bodyBytes));
    const plain = decipher.update(sealed.subarray(0, bodyBytes));
    try {
      decipher.final();
    } catch {
      return null; // all input was given: what final() rejects is the tag, which null reports
    }
    return plain;
  },

  reveal(key, nonce, sealed) {
    const decipher = createDecipheriv(CIPHER, key, nonce, TAG);
    return decipher.update(sealed.subarray(0, Math.max(0, sealed.byteLength - AEAD_TAG_BYTES)));
  },
};

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

function publicKeyOf(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, bytes]), format: 'der', type: 'spki' });
}

const signatures: Signatures = {
  publicKey(seed) {
    const der = createPublicKey(privateKeyOf(seed)).export({ format: 'der', type: 'spki' });
    return new Uint8Array(der.subarray(PUBLIC_PREFIX.byteLength));
  },
  sign: (seed, message) => new Uint8Array(sign(null, message, privateKeyOf(seed))),
  verify: (publicKey, message, signature) => verify(null, message, publicKeyOf(publicKey), signature),
};

async function argon2id(
  message: Uint8Array,
  nonce: Uint8Array,
  cost: Argon2Cost,
  outputBytes: number,
): Promise<Uint8Array> {
  const { memoryBytes, passes, lanes } = cost;
  const memory = Math.floor(memoryBytes / 1024);
  const parameters = { message, nonce, parallelism: lanes, tagLength: outputBytes, memory, passes };
  return new Uint8Array(await argon2Async('argon2id', parameters));
}

/** Cryptography of OpenSSL, as Node offers it; Argon2 runs in the thread pool. */
export function createNodeCryptography(): Cryptography {
  return {
    argon2id,
    hmac: (hash, key, message) => new Uint8Array(createHmac(hash, key).update(message).digest()),
    equal: (a, b) => a.byteLength === b.byteLength && timingSafeEqual(a, b),
    aead,
    signatures,
  };
}
