import { concat } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Chunking, largestChunkBytes } from '../../store/chunker/chunking.ts';
import { ChunkList } from '../../store/delta/chunk_list.ts';
import type { CutPieces } from './cut_file.ts';
import { SHORT_HASH_BYTES } from './short_hash.ts';

const LENGTH_BYTES = Uint32Array.BYTES_PER_ELEMENT;

/** Pieces as they travel. Those of fixed blocks have no lengths: they follow from the size of the file. */
export interface TravellingPieces {
  readonly lengths: Uint8Array;
  readonly hashes: Uint8Array;
  /** Short hashes of chunks in a row. */
  readonly chunks?: Uint8Array | undefined;
}

export function encodePieces({ lengths, hashes }: CutPieces, chunking: Chunking): TravellingPieces {
  if (chunking.kind === 'fixed') return { lengths: new Uint8Array(0), hashes };
  const bytes = new Uint8Array(lengths.length * LENGTH_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [at, lengthBytes] of lengths.entries()) view.setUint32(at * LENGTH_BYTES, lengthBytes, true);
  return { lengths: bytes, hashes };
}

/** Collects the pieces of the sink's version of one file as they arrive. */
export class BaseList {
  readonly #chunking: Chunking;
  #count = 0;
  #words = new Uint32Array(0);
  #hashes = new Uint8Array(0);
  readonly #chunks: Uint8Array[] = [];
  #chunkCount = 0;

  constructor(chunking: Chunking) {
    this.#chunking = chunking;
  }

  /** Short hashes of all pieces, one after the other. */
  get hashes(): Uint8Array {
    return this.#hashes.subarray(0, this.#count * SHORT_HASH_BYTES);
  }

  /** Short hashes of the chunks of the version, as far as it knew them. */
  get chunks(): Uint8Array {
    return concat(this.#chunks);
  }

  /** Throws CW_WIRE_MALFORMED for pieces that this way of cutting cannot give, CW_WIRE_TOO_LARGE for too many. */
  add({ lengths, hashes, chunks }: TravellingPieces): void {
    if (chunks) this.#addChunks(chunks);
    const count = hashes.byteLength / SHORT_HASH_BYTES;
    const lengthsBytes = this.#chunking.kind === 'fixed' ? 0 : count * LENGTH_BYTES;
    if (!Number.isInteger(count) || lengths.byteLength !== lengthsBytes)
      throw new CausewayError('CW_WIRE_MALFORMED', 'the pieces of a file and their hashes differ in number');
    if (this.#count + count > LIMITS.deltaChunksMax.value)
      throw new CausewayError('CW_WIRE_TOO_LARGE', 'a file came in more pieces than allowed');
    this.#reserve(this.#count + count);
    const view = new DataView(lengths.buffer, lengths.byteOffset, lengths.byteLength);
    for (let at = 0; at < lengths.byteLength / LENGTH_BYTES; at += 1)
      this.#words[this.#count + at] = this.#checked(view.getUint32(at * LENGTH_BYTES, true));
    this.#hashes.set(hashes, this.#count * SHORT_HASH_BYTES);
    this.#count += count;
  }

  /** Content-defined pieces as a list. */
  build(): ChunkList {
    return new ChunkList(this.#words.slice(0, this.#count), this.hashes, SHORT_HASH_BYTES);
  }

  #addChunks(chunks: Uint8Array): void {
    this.#chunkCount += chunks.byteLength / SHORT_HASH_BYTES;
    if (!Number.isInteger(this.#chunkCount))
      throw new CausewayError('CW_WIRE_MALFORMED', 'the hashes of chunks are cut off');
    if (this.#chunkCount > LIMITS.chunksPerFileMax.value)
      throw new CausewayError('CW_WIRE_TOO_LARGE', 'a file came in more chunks than allowed');
    if (chunks.byteLength > 0) this.#chunks.push(chunks.slice());
  }

  #checked(lengthBytes: number): number {
    if (lengthBytes > 0 && lengthBytes <= largestChunkBytes(this.#chunking)) return lengthBytes;
    throw new CausewayError('CW_WIRE_MALFORMED', `a piece of ${lengthBytes} bytes`);
  }

  #reserve(count: number): void {
    if (count <= this.#words.length) return;
    const room = Math.max(count, 2 * this.#words.length);
    const words = new Uint32Array(room);
    words.set(this.#words);
    const hashes = new Uint8Array(room * SHORT_HASH_BYTES);
    hashes.set(this.#hashes);
    this.#words = words;
    this.#hashes = hashes;
  }
}
