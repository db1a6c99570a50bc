import { equalBytes } from '../../base/bytes.ts';
import { hashAt } from '../../base/hash.ts';
import { parseRelPath, splitRel } from '../../base/path.ts';
import { KNOWN_BLOCK_HASH_BYTES, type KnownContent } from '../../wire/known_content.ts';
import type { ChunkMap } from '../chunk_map.ts';
import { deltaChunking } from '../delta/file_delta.ts';

/** A file of which every chunk is there. */
export interface ProvenFile {
  readonly index: number;
  readonly entry: { readonly path: string; readonly sizeBytes: number };
  readonly chunks: ChunkMap;
}

/** Collects the hashes of the blocks of a file that is compared by blocks, while its chunks are read back. */
export class BlockNotes {
  /** 0 where it is not compared by blocks: then its chunks are enough. */
  readonly blockBytes: number;
  readonly sizeBytes: number;
  readonly #chunks: ChunkMap;
  readonly #chunkBytes: number;
  readonly #blocks: Uint8Array;
  /** Of the version before: what its chunks have in common with these is not hashed again. */
  readonly #former: KnownContent | null;
  #missing: number;

  constructor({ entry, chunks }: ProvenFile, chunkBytes: number, former: KnownContent | null) {
    const { name } = splitRel(parseRelPath(entry.path));
    const chunking = deltaChunking(name, entry.sizeBytes, chunkBytes);
    this.blockBytes = chunking?.kind === 'fixed' ? chunking.chunkBytes : 0;
    this.sizeBytes = entry.sizeBytes;
    this.#chunks = chunks;
    this.#chunkBytes = chunkBytes;
    const count = this.blockBytes === 0 ? 0 : Math.ceil(entry.sizeBytes / this.blockBytes);
    this.#blocks = new Uint8Array(count * KNOWN_BLOCK_HASH_BYTES);
    const isAlike = former?.blockBytes === this.blockBytes && former.chunkBytes === chunkBytes;
    this.#former = isAlike ? former : null;
    this.#missing = this.blockBytes === 0 ? 0 : chunks.count;
  }

  /** Whether the hashes of the blocks of that chunk are wanted; takes them from the version before where it has the same chunk. */
  wants(index: number): boolean {
    if (this.blockBytes === 0) return false;
    const former = this.#former;
    if (former === null || !equalBytes(hashAt(former.chunks, index), this.#chunks.hash(index))) return true;
    const [from, to] = this.#placeOf(index);
    this.put(index, former.blocks.subarray(from, to));
    return false;
  }

  put(index: number, hashes: Uint8Array): void {
    const [from, to] = this.#placeOf(index);
    if (hashes.byteLength !== to - from) return;
    this.#blocks.set(hashes, from);
    this.#missing -= 1;
  }

  /** What is known now. Blocks only where every chunk was read. */
  hashes(): Pick<KnownContent, 'chunks' | 'blockBytes' | 'blocks'> {
    const chunks = this.#chunks.hashes().slice();
    if (this.#missing > 0) return { chunks, blockBytes: 0, blocks: new Uint8Array(0) };
    return { chunks, blockBytes: this.blockBytes, blocks: this.#blocks };
  }

  #placeOf(index: number): [number, number] {
    const each = (this.#chunkBytes / this.blockBytes) * KNOWN_BLOCK_HASH_BYTES;
    return [index * each, Math.min((index + 1) * each, this.#blocks.byteLength)];
  }
}
