import { equalBytes } from '../base/bytes.ts';
import { hashAt } from '../base/hash.ts';
import { hashOfZeros, hashSparsely } from '../base/zero_hash.ts';
import { statNamesJob } from '../tree/files/stat_names_job.ts';
import type { DiskFile } from '../world/disk.ts';
import type { Job, JobContext } from '../world/offload.ts';
import { hashFilesJob } from './checksum/hash_files_job.ts';
import { readChunksJob, writeChunksJob } from './chunk_run_jobs.ts';
import { compressJob, decompressJob } from './compress/frame_jobs.ts';
import { copyFileJob } from './copy_file_job.ts';
import { cutRangeJob } from './delta/cut_file.ts';
import { writePatchesJob } from './delta/patch_job.ts';
import { type BlockHashes, sameBlocks } from './delta/same_blocks.ts';
import { shortHashes, shortHashesOfZeros } from './delta/short_hash.ts';
import { compareTwinRangeJob, copyTwinRangeJob, shareBlocksJob } from './direct/range_jobs.ts';
import { type OnMoved, readFully } from './file_io.ts';
import { finishFoldersJob, makeFoldersJob, syncFoldersJob } from './folder_jobs.ts';
import { nowAndThen } from './job_progress.ts';
import { linkFilesJob, lookInReferenceJob } from './link_dest/link_jobs.ts';
import { lookPageJob } from './look_ahead.ts';
import { probeNamesJob } from './name_probe.ts';
import { publishPackJob, readPackJob, writePackJob } from './pack_jobs.ts';
import { forgetPages, forgetRead } from './page_cache.ts';
import { planWalkJob } from './plan_walk.ts';
import { isProbedHole } from './sparse_read.ts';
import { endWithZeros, type FileRange, leaveZeros } from './sparse_write.ts';
import { unchangedJob } from './unchanged.ts';
import { keepJob } from './undo/keep_job.ts';
import { restoreJob } from './undo/restore_job.ts';
import { findBySizeJob } from './versions_there.ts';

/**
 * Reads `into`, which is shared memory, full from `offset`, and hashes it; no hash where the file ends before. With `blocks`
 * it tells in `same` which of them are the same (1), unless all that was read is zeros. With `holes`, a hole need not be
 * read: then `into` holds nothing.
 */
export const readChunkJob: Job<
  {
    readonly file: DiskFile;
    readonly into: Uint8Array;
    readonly offset: number;
    readonly blocks: BlockHashes | null;
    readonly holes: boolean;
    /** Nothing of the range stays in the memory of the system. */
    readonly forget: boolean;
  },
  {
    readonly hash: Uint8Array | null;
    readonly zeros: boolean;
    readonly same: Uint8Array | null;
    readonly hashMs: number;
  }
> = {
  name: 'read-chunk',
  async run({ file, into, offset, blocks, holes, forget }, context) {
    const lengthBytes = into.byteLength;
    const isHole = holes && (await isProbedHole({ file, offset, lengthBytes }, context));
    const count = isHole ? 0 : await readFully(file, into, offset, partly(context, into.byteLength));
    if (forget) await forgetRead(file, offset, lengthBytes);
    if (isHole) return { hash: hashOfZeros(lengthBytes), zeros: true, same: null, hashMs: 0 };
    if (count < into.byteLength) return { hash: null, zeros: false, same: null, hashMs: 0 };
    const since = context.clock.monotonicMs();
    const { hash, zeros } = hashSparsely(into);
    const same = blocks === null || zeros ? null : sameBlocks(into, blocks, hash);
    return { hash, zeros, same, hashMs: context.clock.monotonicMs() - since };
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
    return { same: sameBlocks(bytes, blocks, null), hashMs: clock.monotonicMs() - since };
  },
};

/** Makes a range zeros, and the file at least as long where it ends with them. */
export const writeZerosJob: Job<
  {
    readonly file: DiskFile;
    readonly offset: number;
    readonly lengthBytes: number;
    readonly endsFile: boolean;
  },
  null
> = {
  name: 'write-zeros',
  async run({ file, offset, lengthBytes, endsFile }, context) {
    await (endsFile ? endWithZeros : leaveZeros)({ file, offset, lengthBytes }, context);
    return null;
  },
};

/**
 * Which of the chunks in a row from `offset` do not have their hash; all have `chunkBytes` but the last. With `holes`, one
 * that should be zeros and is a hole need not be read.
 */
export const verifyChunksJob: Job<
  {
    readonly file: DiskFile;
    readonly offset: number;
    readonly lengthBytes: number;
    readonly chunkBytes: number;
    readonly hashes: Uint8Array;
    readonly holes: boolean;
    /** Nothing of them stays in the memory of the system. */
    readonly forget: boolean;
    /** Of chunks with a 1 in `wanted` that have their hash, the short hashes of their blocks are given too. */
    readonly blocks: { readonly blockBytes: number; readonly wanted: Uint8Array } | null;
  },
  { readonly bad: readonly number[]; readonly blockHashes: readonly (Uint8Array | null)[] }
> = {
  name: 'verify-chunks',
  async run({ file, offset, lengthBytes, chunkBytes, hashes, holes, forget, blocks }, context) {
    const bad: number[] = [];
    const blockHashes: (Uint8Array | null)[] = [];
    const moved = nowAndThen(context);
    const memory = context.scratch(Math.min(chunkBytes, lengthBytes));
    for (let at = 0; at * chunkBytes < lengthBytes; at += 1) {
      const from = at * chunkBytes;
      const range = { file, offset: offset + from, lengthBytes: Math.min(chunkBytes, lengthBytes - from) };
      const wantsBlocks = blocks?.wanted[at] === 1;
      const bytes = memory.subarray(0, range.lengthBytes);
      const how = { hash: hashAt(hashes, at), holes, moved, bytes };
      const isGood = await hasHash(range, how, context);
      if (!isGood) bad.push(at);
      blockHashes.push(isGood && wantsBlocks ? blocksOf(bytes, how.hash, blocks.blockBytes) : null);
    }
    if (forget) await forgetPages(file, offset, lengthBytes);
    return { bad, blockHashes };
  },
};

/** A hole was perhaps not read. */
function blocksOf(bytes: Uint8Array, hash: Uint8Array, blockBytes: number): Uint8Array {
  if (equalBytes(hash, hashOfZeros(bytes.byteLength)))
    return shortHashesOfZeros(bytes.byteLength, blockBytes);
  return shortHashes(bytes, blockBytes);
}

async function hasHash(
  range: FileRange,
  {
    hash,
    holes,
    moved,
    bytes,
  }: {
    readonly hash: Uint8Array;
    readonly holes: boolean;
    readonly moved: OnMoved;
    /** Holds the range afterwards, where it was read. */
    readonly bytes: Uint8Array;
  },
  context: JobContext,
): Promise<boolean> {
  const { file, offset, lengthBytes } = range;
  if (holes && equalBytes(hash, hashOfZeros(lengthBytes)) && (await isProbedHole(range, context))) {
    moved(lengthBytes);
    return true;
  }
  const count = await readFully(file, bytes, offset, moved);
  return count === lengthBytes && equalBytes(hashSparsely(bytes).hash, hash);
}

/** Everything that a thread for disk work can do. */
export const DISK_JOBS: readonly Job<never, unknown>[] = [
  readChunkJob,
  compareBlocksJob,
  compressJob,
  decompressJob,
  readChunksJob,
  writeChunksJob,
  writeZerosJob,
  verifyChunksJob,
  readPackJob,
  writePackJob,
  publishPackJob,
  cutRangeJob,
  writePatchesJob,
  unchangedJob,
  findBySizeJob,
  copyFileJob,
  probeNamesJob,
  keepJob,
  restoreJob,
  planWalkJob,
  lookPageJob,
  makeFoldersJob,
  finishFoldersJob,
  syncFoldersJob,
  hashFilesJob,
  lookInReferenceJob,
  linkFilesJob,
  copyTwinRangeJob,
  compareTwinRangeJob,
  shareBlocksJob,
  statNamesJob,
];

/** Tells of the pieces of an operation that a slow device does in pieces. */
function partly(context: JobContext, wholeBytes: number): OnMoved {
  return (bytes) => {
    if (bytes < wholeBytes) context.moved(bytes);
  };
}
