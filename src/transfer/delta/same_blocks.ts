import { equalBytes } from '../../base/bytes.ts';
import { SHORT_HASH_BYTES, shortHash } from './short_hash.ts';

/** Blocks of another version of one or more chunks in a row, to compare with. */
export interface BlockHashes {
  readonly blockBytes: number;
  /** Short hashes, one after the other; fewer than there are blocks where the other version ends before. */
  readonly hashes: Uint8Array;
  /** Of the whole chunks there; fewer, or none, where that is not known. */
  readonly chunks: Uint8Array;
}

/** Those of the chunk at place `at` of a row of chunks of `chunkBytes` each. */
export function blocksAt(
  { blockBytes, hashes, chunks }: BlockHashes,
  at: number,
  chunkBytes: number,
): BlockHashes {
  const each = (chunkBytes / blockBytes) * SHORT_HASH_BYTES;
  return {
    blockBytes,
    hashes: hashes.subarray(at * each, (at + 1) * each),
    chunks: chunks.subarray(at * SHORT_HASH_BYTES, (at + 1) * SHORT_HASH_BYTES),
  };
}

/**
 * A 1 for each block of a chunk that is the same, a 0 for others. `hash`: of all bytes, where that is known: the same chunk
 * need not be looked at block by block.
 */
export function sameBlocks(
  bytes: Uint8Array,
  { blockBytes, hashes, chunks }: BlockHashes,
  hash: Uint8Array | null,
): Uint8Array {
  const same = new Uint8Array(Math.ceil(bytes.byteLength / blockBytes));
  if (hash !== null && equalBytes(hash.subarray(0, SHORT_HASH_BYTES), chunks)) return same.fill(1);
  for (let at = 0; at < same.length; at += 1) {
    const there = hashes.subarray(at * SHORT_HASH_BYTES, (at + 1) * SHORT_HASH_BYTES);
    const block = bytes.subarray(at * blockBytes, (at + 1) * blockBytes);
    same[at] = equalBytes(shortHash(block), there) ? 1 : 0;
  }
  return same;
}
