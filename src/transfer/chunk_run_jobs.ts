import { equalBytes } from '../base/bytes.ts';
import { HASH_BYTES, hashAt, hashBytes } from '../base/hash.ts';
import { hashOfZeros, hashSparsely } from '../base/zero_hash.ts';
import type { DiskFile } from '../world/disk.ts';
import type { Job } from '../world/offload.ts';
import { type BlockHashes, blocksAt, sameBlocks } from './delta/same_blocks.ts';
import { readFully, writeFully } from './file_io.ts';
import { nowAndThen } from './job_progress.ts';
import { forgetRead } from './page_cache.ts';
import { isProbedHole } from './sparse_read.ts';
import { writeSparsely } from './sparse_write.ts';

/** What was read of a run of chunks. */
export interface RunRead {
  /** Chunks that were read in whole, the first ones; fewer than asked for where the file ends before. */
  readonly count: number;
  /** One after the other. */
  readonly hashes: Uint8Array;
  /** 1 for a chunk of zeros. */
  readonly zeros: Uint8Array;
  /** Where blocks were asked for: which of them are the same (1), of each chunk that is not zeros. */
  readonly same: readonly (Uint8Array | null)[];
  readonly hashMs: number;
  readonly workMs: number;
}

/**
 * Reads chunks that follow each other from `offset`, each into its piece of `into`, shared memory, and hashes them. With
 * `holes`, a hole need not be read: then its piece holds nothing.
 */
export const readChunksJob: Job<
  {
    readonly file: DiskFile;
    readonly into: readonly Uint8Array[];
    readonly offset: number;
    readonly holes: boolean;
    /** Nothing of the range stays in the memory of the system. */
    readonly forget: boolean;
    /** Of all these chunks, each of the length of the first; null: they are compared with nothing. */
    readonly blocks: BlockHashes | null;
  },
  RunRead
> = {
  name: 'read-chunks',
  async run({ file, into, offset, holes, forget, blocks }, context) {
    const { clock } = context;
    const moved = nowAndThen(context);
    const sinceMs = clock.monotonicMs();
    const hashes = new Uint8Array(into.length * HASH_BYTES);
    const zeros = new Uint8Array(into.length);
    const same: (Uint8Array | null)[] = [];
    let [count, at, hashMs] = [0, offset, 0];
    for (const piece of into) {
      const lengthBytes = piece.byteLength;
      const isHole = holes && (await isProbedHole({ file, offset: at, lengthBytes }, context));
      if (!isHole && (await readFully(file, piece, at, moved)) < lengthBytes) break;
      const hashSinceMs = clock.monotonicMs();
      const read = isHole ? { hash: hashOfZeros(lengthBytes), zeros: true } : hashSparsely(piece);
      const there = blocks && !read.zeros ? blocksAt(blocks, count, into[0]!.byteLength) : null;
      same.push(there && sameBlocks(piece, there, read.hash));
      hashMs += clock.monotonicMs() - hashSinceMs;
      hashes.set(read.hash, count * HASH_BYTES);
      zeros[count] = read.zeros ? 1 : 0;
      at += lengthBytes;
      count += 1;
    }
    if (forget) await forgetRead(file, offset, at - offset);
    return { count, hashes, zeros, same, hashMs, workMs: clock.monotonicMs() - sinceMs };
  },
};

/**
 * Writes chunks that follow each other from `offset`, with holes for zeros unless `dense`. With `hashes`, one after the
 * other, a chunk that does not have its hash is not written. Gives 1 for each that was, 0 for the others.
 */
export const writeChunksJob: Job<
  {
    readonly file: DiskFile;
    readonly data: readonly Uint8Array[];
    readonly offset: number;
    readonly hashes: Uint8Array | null;
    readonly dense: boolean;
    /** Whether the file ends with the last of them. */
    readonly endsFile: boolean;
  },
  { readonly written: Uint8Array; readonly hashMs: number }
> = {
  name: 'write-chunks',
  async run({ file, data, offset, hashes, dense, endsFile }, context) {
    const { clock } = context;
    const moved = nowAndThen(context);
    const written = new Uint8Array(data.length);
    let hashMs = 0;
    let at = offset;
    for (const [index, piece] of data.entries()) {
      const sinceMs = clock.monotonicMs();
      const isGood = hashes === null || equalBytes(hashBytes(piece), hashAt(hashes, index));
      if (hashes !== null) hashMs += clock.monotonicMs() - sinceMs;
      const isLast = endsFile && index === data.length - 1;
      if (isGood && dense) await writeFully(file, piece, at, moved);
      else if (isGood)
        await writeSparsely({ file, data: piece, offset: at, endsFile: isLast }, context, moved);
      written[index] = isGood ? 1 : 0;
      at += piece.byteLength;
    }
    return { written, hashMs };
  },
};
