import { sharedBytes } from '../../base/bytes.ts';
import { hashBytes } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { forEachAtOnce } from '../../base/parallel.ts';
import { BufferPool } from '../buffer_pool.ts';
import { ChunkMap, chunkCount, chunkLength } from '../chunk_map.ts';

/** Reads the chunk at `index` into memory of its length that threads share; its hash, or null where the file is not what it was. */
export type ReadChunk = (index: number, into: Uint8Array) => Promise<Uint8Array | null>;

/**
 * What tells the content of a file from another: BLAKE3 over the hashes of its chunks in order, as `root` of a whole
 * file. Null where a chunk could not be had. Errors are those of `read`.
 */
export async function contentSum(
  sizeBytes: number,
  chunkBytes: number,
  read: ReadChunk,
): Promise<Uint8Array | null> {
  const chunks = new ChunkMap(chunkCount(sizeBytes, chunkBytes));
  const pool = new BufferPool(Math.min(chunkBytes, sizeBytes), LIMITS.sumChunksAtOnceMax.value);
  let isWhole = true;
  await forEachAtOnce(Array(chunks.count).keys(), LIMITS.sumChunksAtOnceMax.value, async (index) => {
    if (!isWhole) return;
    const buffer = pool.take();
    try {
      const hash = await read(index, buffer.subarray(0, chunkLength(sizeBytes, chunkBytes, index)));
      if (hash === null) isWhole = false;
      else chunks.written(index, hash);
    } finally {
      pool.give(buffer);
    }
  });
  return isWhole ? chunks.root() : null;
}

/** The same of a file that is one chunk. */
export function sumOfOneChunk(hash: Uint8Array): Uint8Array {
  return hashBytes(hash);
}

/** Whether a file is read whole with others in one go. */
export function isReadWhole(sizeBytes: number, chunkBytes: number): boolean {
  return sizeBytes <= Math.min(chunkBytes, LIMITS.smallFileMaxBytes.value);
}

/** Files in order, as many together as are read in one go into {@link packMemory}; each of them is one that is read whole. */
export function* inPacks<T>(files: Iterable<T>, sizeOf: (file: T) => number): Generator<T[]> {
  let pack: T[] = [];
  let bytes = 0;
  for (const file of files) {
    const isFull = bytes + sizeOf(file) > LIMITS.packMaxBytes.value;
    if (pack.length > 0 && (isFull || pack.length >= LIMITS.packFilesMax.value)) {
      yield pack;
      pack = [];
      bytes = 0;
    }
    pack.push(file);
    bytes += sizeOf(file);
  }
  if (pack.length > 0) yield pack;
}

/** Memory for one of these packs. */
export function packMemory(): Uint8Array {
  return sharedBytes(LIMITS.packMaxBytes.value);
}
