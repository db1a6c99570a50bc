import { Blake3Hasher, blake3UrlSafeBase64 } from '@napi-rs/blake-hash';

/** Bytes of a BLAKE3 hash. */
export const HASH_BYTES = 32;

const DIGEST = Buffer.alloc(HASH_BYTES);

/**
 * BLAKE3 of `bytes`, 32 bytes. Synchronous and deterministic: 1 MiB takes about 0.25 ms. The library gives a text six times
 * as fast as a Buffer of its own, for which memory outside of the heap is taken and given back: 0.5 µs for a short input
 * instead of 2.8.
 */
export function hashBytes(bytes: Uint8Array): Uint8Array {
  digest(bytes);
  return new Uint8Array(DIGEST);
}

/** The same, put at place `at` of a list of hashes. */
export function putHash(bytes: Uint8Array, hashes: Uint8Array, at: number): void {
  digest(bytes);
  for (let byte = 0; byte < HASH_BYTES; byte += 1) hashes[at * HASH_BYTES + byte] = DIGEST[byte]!;
}

/** Whether that is the hash at place `at` of a list of hashes; false where the list is shorter. */
export function hasHashAt(bytes: Uint8Array, hashes: Uint8Array, at: number): boolean {
  digest(bytes);
  let differs = 0;
  for (let byte = 0; byte < HASH_BYTES; byte += 1)
    differs |= hashes[at * HASH_BYTES + byte] === DIGEST[byte] ? 0 : 1;
  return differs === 0;
}

function digest(bytes: Uint8Array): void {
  DIGEST.write(blake3UrlSafeBase64(bytes), 0, HASH_BYTES, 'base64url');
}

/** The hash at place `at` of a list of hashes. */
export function hashAt(hashes: Uint8Array, at: number): Uint8Array {
  return hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
}

/** BLAKE3 over several parts, in order. */
export function hashParts(parts: Iterable<Uint8Array>): Uint8Array {
  const hasher = new Blake3Hasher();
  for (const part of parts) hasher.update(part);
  return new Uint8Array(hasher.digestBuffer());
}
