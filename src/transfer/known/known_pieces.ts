import { HASH_BYTES } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseChunkingId } from '../../store/chunker/chunking.ts';
import type { KnownContent } from '../../wire/known_content.ts';
import type { AskBase } from '../delta/base_reader.ts';
import { SHORT_HASH_BYTES } from '../delta/short_hash.ts';

/**
 * What is told of a version without reading it: hashes of its blocks, none where those of its chunks are enough to begin
 * with, null where it has to be read.
 */
export function knownPieces(known: KnownContent, ask: AskBase, chunkBytes: number): Uint8Array | null {
  if (ask.from !== undefined) return null;
  const chunking = parseChunkingId(ask.chunking);
  if (chunking?.kind === 'fixed') return known.blockBytes === chunking.chunkBytes ? known.blocks : null;
  return ask.chunks === true && known.chunkBytes === chunkBytes ? new Uint8Array(0) : null;
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
