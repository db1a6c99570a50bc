import { isPlanted } from '../base/fault_points.ts';
import { LIMITS } from '../base/limits.ts';
import { forEachAtOnce } from '../base/parallel.ts';
import type { DiskFile } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import { verifyChunksJob } from './disk_jobs.ts';
import type { BlockNotes } from './known/block_notes.ts';
import { forgetPages, isHuge } from './page_cache.ts';
import type { WriteTarget } from './sink_writer.ts';
import type { StageMeter } from './stage_meter.ts';

export interface ReadBack {
  readonly meter: StageMeter;
  readonly offload: Offload;
  readonly chunkBytes: number;
  /** Whether the destination's holes count once they were probed. */
  readonly holes: boolean;
}

/**
 * Reads every chunk of a file again, but for those that were read after they were flushed already, and gives the indexes, rising, of those that do not have their hash. Several runs of
 * chunks at a time: nothing else is left to do for this file. Errors are CW_DISK_*.
 */
export async function badChunks(
  file: DiskFile,
  target: WriteTarget,
  parts: ReadBack,
  notes: BlockNotes | null = null,
): Promise<number[]> {
  const bad: number[] = [];
  const runs = runsOf(target, parts.chunkBytes, (index) => !target.chunks.isChecked(index));
  await forEachAtOnce(runs, LIMITS.verifyAtOnceMax.value, async (run) => {
    bad.push(...(await badIn(file, target, run, parts, notes)));
  });
  // a run reads ahead into what another one has read and forgotten before
  if (isHuge(target.entry.sizeBytes)) await forgetPages(file, 0, 0);
  return isPlanted('skip-verify') ? [] : bad.sort((a, b) => a - b);
}

/** Chunks in a row. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** The wanted chunks of a file, as runs of at most LIMITS.verifyRunBytes. */
export function runsOf(
  { chunks }: Pick<WriteTarget, 'chunks'>,
  chunkBytes: number,
  isWanted: (index: number) => boolean,
): Run[] {
  const each = Math.max(1, Math.floor(LIMITS.verifyRunBytes.value / chunkBytes));
  const runs: Run[] = [];
  for (let first = 0; first < chunks.count; ) {
    let count = 0;
    while (count < each && first + count < chunks.count && isWanted(first + count)) count += 1;
    if (count > 0) runs.push({ first, count });
    first += Math.max(1, count);
  }
  return runs;
}

/** Reads the chunks of a run and gives the indexes of those that do not have their hash. Errors are CW_DISK_*. */
export async function badIn(
  file: DiskFile,
  target: WriteTarget,
  run: Run,
  { meter, offload, chunkBytes, holes }: ReadBack,
  notes: BlockNotes | null = null,
): Promise<number[]> {
  const offset = run.first * chunkBytes;
  const lengthBytes = Math.min(run.count * chunkBytes, target.entry.sizeBytes - offset);
  const hashes = target.chunks.hashes(run.first, run.count);
  const forget = isHuge(target.entry.sizeBytes);
  const wanted = Uint8Array.from({ length: run.count }, (_, at) => (notes?.wants(run.first + at) ? 1 : 0));
  const blocks = wanted.includes(1) ? { blockBytes: notes!.blockBytes, wanted } : null;
  const args = { file, offset, lengthBytes, chunkBytes, hashes, holes, forget, blocks };
  const { bad, blockHashes } = await meter.run('verify', lengthBytes, (moved) =>
    offload.run(verifyChunksJob, args, moved),
  );
  for (const [at, found] of blockHashes.entries()) if (found !== null) notes?.put(run.first + at, found);
  return bad.map((at) => run.first + at);
}
