/** What one computation of Argon2 costs (RFC 9106 section 3.1). */
export interface Argon2Cost {
  readonly memoryBytes: number;
  readonly passes: number;
  readonly lanes: number;
}

export type HmacHash = 'sha1' | 'sha256' | 'sha512';

/** AES-256-GCM (NIST SP 800-38D): keys of 32 bytes, nonces of 12 bytes, a tag of 16 bytes behind the ciphertext. */
export interface Aead {
  /** A nonce must not be used twice with one key. */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, associated: Uint8Array): Uint8Array;
  /** The same, put into memory that is used again: nonce, ciphertext and tag; how many bytes they are. */
  sealInto(
    key: Uint8Array,
    nonce: Uint8Array,
    plain: Uint8Array,
    associated: Uint8Array,
    into: Uint8Array,
  ): number;
  /** Null where anything differs from what was sealed. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | null;
  /** What stands behind the ciphertext, proven by nothing: only to find out where it was damaged. */
  reveal(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array;
}

/** Ed25519 (RFC 8032). A key is its seed of 32 bytes. */
export interface Signatures {
  publicKey(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Cryptographic primitives. Keys and nonces come from `World.random`. */
export interface Cryptography {
  /** Argon2id (RFC 9106), beside the calling thread. */
  argon2id(message: Uint8Array, salt: Uint8Array, cost: Argon2Cost, outputBytes: number): Promise<Uint8Array>;
  hmac(hash: HmacHash, key: Uint8Array, message: Uint8Array): Uint8Array;
  /** Compares in a time that depends on the lengths only. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  readonly aead: Aead;
  readonly signatures: Signatures;
}

export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;
export const SIGNATURE_SEED_BYTES = 32;
