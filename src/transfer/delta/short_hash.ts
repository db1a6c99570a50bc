import { hashBytes } from '../../base/hash.ts';
import { hashOfZeros } from '../../base/zero_hash.ts';

/**
 * Bytes of BLAKE3 that tell the pieces of two versions of a file apart. Equal pieces are only guessed by them: each chunk that
 * is rebuilt is verified by its whole hash, and sent in whole where a guess was wrong.
 */
export const SHORT_HASH_BYTES = 8;

export function shortHash(bytes: Uint8Array): Uint8Array {
  return hashBytes(bytes).subarray(0, SHORT_HASH_BYTES);
}

/** Those of all blocks of `bytes`, one after the other. */
export function shortHashes(bytes: Uint8Array, blockBytes: number): Uint8Array {
  const count = Math.ceil(bytes.byteLength / blockBytes);
  const hashes = new Uint8Array(count * SHORT_HASH_BYTES);
  for (let at = 0; at < count; at += 1)
    hashes.set(shortHash(bytes.subarray(at * blockBytes, (at + 1) * blockBytes)), at * SHORT_HASH_BYTES);
  return hashes;
}

/** The same of so many zeros. */
export function shortHashesOfZeros(lengthBytes: number, blockBytes: number): Uint8Array {
  const count = Math.ceil(lengthBytes / blockBytes);
  const hashes = new Uint8Array(count * SHORT_HASH_BYTES);
  for (let at = 0; at < count; at += 1) {
    const zeros = hashOfZeros(Math.min(blockBytes, lengthBytes - at * blockBytes));
    hashes.set(zeros.subarray(0, SHORT_HASH_BYTES), at * SHORT_HASH_BYTES);
  }
  return hashes;
}
