import { equalBytes } from '../base/bytes.ts';
import { hashAt, hashBytes } from '../base/hash.ts';
import { inspectJob, listFolderJob } from '../tree/walk_jobs.ts';
import type { DiskFile } from '../world/disk.ts';
import type { Job, JobContext } from '../world/offload.ts';
import { copyFileJob } from './copy_file_job.ts';
import { cutRangeJob } from './delta/cut_file.ts';
import { writePatchJob } from './delta/patch_job.ts';
import { SHORT_HASH_BYTES, shortHash } from './delta/short_hash.ts';
import { type OnMoved, readFully, writeFully } from './file_io.ts';
import { nowAndThen } from './job_progress.ts';
import { publishPackJob, readPackJob, writePackJob } from './pack_jobs.ts';
import { unchangedJob } from './unchanged.ts';
import { keepJob } from './undo/keep_job.ts';
import { restoreJob } from './undo/restore_job.ts';

/** Blocks of another version of a chunk, to compare with. */
export interface BlockHashes {
  readonly blockBytes: number;
  /** Short hashes, one after the other; fewer than the chunk has blocks where the other version ends before. */
  readonly hashes: Uint8Array;
}

/**
 * Reads `into`, which is shared memory, full from `offset`, and hashes it; no hash where the file ends before. With `blocks`
 * it tells in `same` which of them are the same (1).
 */
export const readChunkJob: Job<
  {
    readonly file: DiskFile;
    readonly into: Uint8Array;
    readonly offset: number;
    readonly blocks: BlockHashes | null;
  },
  { readonly hash: Uint8Array | null; readonly same: Uint8Array | null; readonly hashMs: number }
> = {
  name: 'read-chunk',
  async run({ file, into, offset, blocks }, context) {
    const count = await readFully(file, into, offset, partly(context, into.byteLength));
    if (count < into.byteLength) return { hash: null, same: null, hashMs: 0 };
    const since = context.clock.monotonicMs();
    const hash = hashBytes(into);
    const same = blocks === null ? null : sameBlocks(into, blocks);
    return { hash, same, hashMs: context.clock.monotonicMs() - since };
  },
};

/** Tells which blocks of `bytes`, which is shared memory, are the same (1). */
export const compareBlocksJob: Job<
  { readonly bytes: Uint8Array; readonly blocks: BlockHashes },
  { readonly same: Uint8Array; readonly hashMs: number }
> = {
  name: 'compare-blocks',
  async run({ bytes, blocks }, { clock }) {
    const since = clock.monotonicMs();
    return { same: sameBlocks(bytes, blocks), hashMs: clock.monotonicMs() - since };
  },
};

function sameBlocks(bytes: Uint8Array, { blockBytes, hashes }: BlockHashes): Uint8Array {
  const same = new Uint8Array(Math.ceil(bytes.byteLength / blockBytes));
  for (let at = 0; at < same.length; at += 1) {
    const there = hashes.subarray(at * SHORT_HASH_BYTES, (at + 1) * SHORT_HASH_BYTES);
    const block = bytes.subarray(at * blockBytes, (at + 1) * blockBytes);
    same[at] = equalBytes(shortHash(block), there) ? 1 : 0;
  }
  return same;
}

/** Writes `data` at `offset`. With a `hash`, nothing is written unless the data have it. */
export const writeChunkJob: Job<
  {
    readonly file: DiskFile;
    readonly data: Uint8Array;
    readonly offset: number;
    readonly hash: Uint8Array | null;
  },
  { readonly matches: boolean; readonly hashMs: number }
> = {
  name: 'write-chunk',
  async run({ file, data, offset, hash }, context) {
    const since = context.clock.monotonicMs();
    const matches = hash === null || equalBytes(hashBytes(data), hash);
    const hashMs = context.clock.monotonicMs() - since;
    if (matches) await writeFully(file, data, offset, partly(context, data.byteLength));
    return { matches, hashMs };
  },
};

/** Which of the chunks in a row from `offset` do not have their hash; all have `chunkBytes` but the last. */
export const verifyChunksJob: Job<
  {
    readonly file: DiskFile;
    readonly offset: number;
    readonly lengthBytes: number;
    readonly chunkBytes: number;
    readonly hashes: Uint8Array;
  },
  readonly number[]
> = {
  name: 'verify-chunks',
  async run({ file, offset, lengthBytes, chunkBytes, hashes }, context) {
    const bad: number[] = [];
    const moved = nowAndThen(context);
    const memory = context.scratch(Math.min(chunkBytes, lengthBytes));
    for (let at = 0; at * chunkBytes < lengthBytes; at += 1) {
      const from = at * chunkBytes;
      const bytes = memory.subarray(0, Math.min(chunkBytes, lengthBytes - from));
      const count = await readFully(file, bytes, offset + from, moved);
      const isGood = count === bytes.byteLength && equalBytes(hashBytes(bytes), hashAt(hashes, at));
      if (!isGood) bad.push(at);
    }
    return bad;
  },
};

/** Everything that a thread for disk work can do. */
export const DISK_JOBS: readonly Job<never, unknown>[] = [
  readChunkJob,
  compareBlocksJob,
  writeChunkJob,
  verifyChunksJob,
  readPackJob,
  writePackJob,
  publishPackJob,
  cutRangeJob,
  writePatchJob,
  unchangedJob,
  copyFileJob,
  keepJob,
  restoreJob,
  listFolderJob,
  inspectJob,
];

/** Tells of the pieces of an operation that a slow device does in pieces. */
function partly(context: JobContext, wholeBytes: number): OnMoved {
  return (bytes) => {
    if (bytes < wholeBytes) context.moved(bytes);
  };
}
