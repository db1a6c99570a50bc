import type { PlanEntry } from '../wire/copy_types.ts';
import type { Stat } from '../world/disk.ts';
import type { RunRead } from './chunk_run_jobs.ts';
import type { BlockHashes } from './delta/same_blocks.ts';
import type { SharedReader } from './shared_reads.ts';
import type { SourceFile } from './source_machine.ts';
import type { PackOutcome, ReadOutcome } from './source_reader.ts';

/** What a lane of the source reads with: see SourceReader. */
export interface LaneReader {
  readChunk(
    file: SourceFile,
    index: number,
    into: Uint8Array,
    blocks: BlockHashes | null,
  ): Promise<ReadOutcome>;
  /** Several chunks in one go; absent where each is looked for elsewhere first. */
  readChunks?(
    file: SourceFile,
    index: number,
    into: readonly Uint8Array[],
    blocks: BlockHashes | null,
  ): Promise<{ readonly read: RunRead; readonly changed: Stat | null }>;
  compareBlocks(bytes: Uint8Array, blocks: BlockHashes): Promise<Uint8Array>;
  readPack(files: readonly SourceFile[], into: Uint8Array): Promise<PackOutcome[]>;
}

/** Reads what no other copy of the same sources has read just now. */
export function sharingReader(own: LaneReader, shared: SharedReader): LaneReader {
  return {
    readChunk: async (file, index, into, blocks) => {
      let readHere = false;
      const outcome = await shared.piece(
        `${stateOf(file.entry)}|${index}|${into.byteLength}`,
        into,
        () => {
          readHere = true;
          return own.readChunk(file, index, into, blocks);
        },
        ({ kind }) => kind === 'ok',
      );
      if (readHere || outcome.kind !== 'ok') return outcome;
      // what the other one's destination has says nothing of this one's
      if (blocks === null || outcome.zeros) return { ...outcome, same: null };
      return { ...outcome, same: await own.compareBlocks(into, blocks) };
    },
    compareBlocks: (bytes, blocks) => own.compareBlocks(bytes, blocks),
    readPack: (files, into) =>
      shared.piece(
        files.map(({ entry }) => stateOf(entry)).join('\n'),
        into.subarray(
          0,
          files.reduce((sum, { entry }) => sum + entry.sizeBytes, 0),
        ),
        () => own.readPack(files, into),
        (outcomes) => outcomes.every(({ kind }) => kind === 'ok'),
      ),
  };
}

/** Two entries with the same text are the same file with the same content, as far as a plan can tell. */
function stateOf({ path, inode, sizeBytes, mtimeNs, ctimeNs }: PlanEntry): string {
  return `${path}|${inode}|${sizeBytes}|${mtimeNs}|${ctimeNs}`;
}
