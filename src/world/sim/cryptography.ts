import { concat, equalBytes, toHex, utf8 } from '../../base/bytes.ts';
import { hashParts } from '../../base/hash.ts';
import {
  AEAD_TAG_BYTES,
  type Aead,
  type Argon2Cost,
  type Cryptography,
  type HmacHash,
  type Signatures,
} from '../cryptography.ts';
import { Dice } from './dice.ts';

/** BLAKE3 over parts that cannot be cut differently. */
function digest(label: string, parts: readonly Uint8Array[]): Uint8Array {
  return hashParts(parts.flatMap((part) => [utf8(`${label} ${part.byteLength} `), part]));
}

/** Exchanges plain and cipher: the bytes of a generator that key and nonce have seeded. */
function exchange(key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array {
  const seed = digest('stream', [key, nonce]);
  const dice = Dice.fromSeed(seed[0] as number).fork(toHex(seed));
  const stream = dice.bytes(bytes.byteLength);
  return stream.map((byte, at) => byte ^ (bytes[at] as number));
}

const aead: Aead = {
  seal(key, nonce, plain, associated) {
    const tag = digest('tag', [key, nonce, plain, associated]).subarray(0, AEAD_TAG_BYTES);
    return concat([exchange(key, nonce, plain), tag]);
  },
  sealInto(key, nonce, plain, associated, into) {
    const sealed = aead.seal(key, nonce, plain, associated);
    into.set(nonce);
    into.set(sealed, nonce.byteLength);
    return nonce.byteLength + sealed.byteLength;
  },
  open(key, nonce, sealed, associated) {
    if (sealed.byteLength < AEAD_TAG_BYTES) return null;
    const plain = aead.reveal(key, nonce, sealed);
    return equalBytes(aead.seal(key, nonce, plain, associated), sealed) ? plain : null;
  },
  reveal: (key, nonce, sealed) =>
    exchange(key, nonce, sealed.subarray(0, Math.max(0, sealed.byteLength - AEAD_TAG_BYTES))),
};

/** Whoever knows the public key can sign: enough to get a signature wrong. */
const signatures: Signatures = {
  publicKey: (seed) => digest('public', [seed]),
  sign: (seed, message) => digest('signature', [signatures.publicKey(seed), message]),
  verify: (publicKey, message, signature) => equalBytes(digest('signature', [publicKey, message]), signature),
};

async function argon2id(
  message: Uint8Array,
  salt: Uint8Array,
  cost: Argon2Cost,
  outputBytes: number,
): Promise<Uint8Array> {
  const costs = utf8(`${cost.memoryBytes} ${cost.passes} ${cost.lanes}`);
  const seed = digest('argon2id', [message, salt, costs]);
  return Dice.fromSeed(seed[0] as number)
    .fork(toHex(seed))
    .bytes(outputBytes);
}

const hmac = (hash: HmacHash, key: Uint8Array, message: Uint8Array): Uint8Array =>
  digest(`hmac ${hash}`, [key, message]);

/** A stand-in for cryptography that costs little and gives the same bytes in every run: no secret is safe with it. */
export function createSimCryptography(): Cryptography {
  return { argon2id, hmac, equal: equalBytes, aead, signatures };
}
