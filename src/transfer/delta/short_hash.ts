import { hashBytes } from '../../base/hash.ts';

/**
 * Bytes of BLAKE3 that tell the pieces of two versions of a file apart. Equal pieces are only guessed by them: each chunk that
 * is rebuilt is verified by its whole hash, and sent in whole where a guess was wrong.
 */
export const SHORT_HASH_BYTES = 8;

export function shortHash(bytes: Uint8Array): Uint8Array {
  return hashBytes(bytes).subarray(0, SHORT_HASH_BYTES);
}
