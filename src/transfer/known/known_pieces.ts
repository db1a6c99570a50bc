import { HASH_BYTES } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunking } from '../../store/chunker/chunking.ts';
import type { KnownContent } from '../../wire/known_content.ts';
import { SHORT_HASH_BYTES } from '../delta/short_hash.ts';

/** Whether the pieces that the source asks for are known, so that the version need not be read. */
export function knowsPieces({ blockBytes }: KnownContent, chunking: Chunking): boolean {
  return chunking.kind === 'fixed' && blockBytes === chunking.chunkBytes;
}

/** Lists of short hashes as they travel, LIMITS.basePagePieces in each. */
export function* hashPages(hashes: Uint8Array): Generator<Uint8Array> {
  const most = LIMITS.basePagePieces.value * SHORT_HASH_BYTES;
  for (let at = 0; at < hashes.byteLength; at += most) yield hashes.subarray(at, at + most);
}

/** The first bytes of the hashes of all chunks. */
export function shortChunkHashes({ chunks }: KnownContent): Uint8Array {
  const count = chunks.byteLength / HASH_BYTES;
  const short = new Uint8Array(count * SHORT_HASH_BYTES);
  for (let at = 0; at < count; at += 1)
    short.set(chunks.subarray(at * HASH_BYTES, at * HASH_BYTES + SHORT_HASH_BYTES), at * SHORT_HASH_BYTES);
  return short;
}
