import type { PlanEntry, Problem, SinkMessage } from '../wire/copy_types.ts';
import { type SinkFile, SinkFiles } from './sink_files.ts';
import type { SinkPlan } from './sink_plan.ts';

/** A chunk that is written; `windowBytes` are what it counts in the window of the source. */
export interface ChunkMark {
  readonly file: number;
  readonly version: number;
  readonly index: number;
  readonly bytes: number;
  readonly windowBytes: number;
}

export interface SinkState {
  readonly chunkBytes: number;
  readonly files: SinkFiles;
  /** Empty files before this entry of the plan have begun. */
  emptyCursor: number;
  /** Chunks written and not flushed. */
  unflushed: ChunkMark[];
  unflushedBytes: number;
  flushing: readonly ChunkMark[] | null;
  /** Complete files waiting for a finishing batch. */
  readonly complete: number[];
  /** Bytes of these, about: of files that are given up while they wait they still count. */
  completeBytes: number;
  /** Files that are complete and not in place: waiting, and in batches. */
  finishing: number;
  batches: number;
  /** Published and not told to the source yet. */
  readonly justPublished: number[];
  open: number;
  receivedBytes: number;
  /** Bytes that were taken from other versions of files. */
  reusedBytes: number;
  /** Bytes of chunks of which only the word came that they are zeros. */
  zeroBytes: number;
  settledBytes: number;
  durableBytes: number;
  /** Of these, what stood there before this attempt. */
  recoveredBytes: number;
  doneEntries: number;
  planComplete: boolean;
  finalizing: boolean;
  /** The first of the entries that could not be copied. */
  readonly problems: Problem[];
  /** How many there are. */
  problemCount: number;
}

export type SinkEvent =
  | { readonly kind: 'planned'; readonly files: number }
  | { readonly kind: 'planEnd' }
  | { readonly kind: 'entryDone'; readonly count: number }
  /** An earlier attempt has noted this chunk. It counts as nothing until it is looked at. */
  | { readonly kind: 'claimed'; readonly file: number; readonly index: number; readonly hash: Uint8Array }
  /** What was claimed was read: what is as the hash says, flushed before, and what is not. */
  | {
      readonly kind: 'looked';
      readonly file: number;
      readonly version: number;
      readonly good: readonly number[];
      readonly bad: readonly number[];
    }
  /** So many files are not copied, and told as problems. */
  | { readonly kind: 'passedOver'; readonly files: number }
  | { readonly kind: 'inPlace'; readonly file: number }
  /** All that are marked as unchanged are in place: so many files and bytes. */
  | { readonly kind: 'unchanged'; readonly files: number; readonly bytes: number }
  | {
      readonly kind: 'chunkWritten';
      readonly file: number;
      readonly version: number;
      readonly index: number;
      readonly bytes: number;
      /** Of these, what did not travel because it stood in another version of the file. */
      readonly reusedBytes: number;
      /** Only the word came that the chunk is zeros. */
      readonly zeros: boolean;
      readonly hash: Uint8Array;
    }
  /** A chunk could not be put together, because the other version of the file is no longer what it was: it has to come in whole. */
  | {
      readonly kind: 'patchFailed';
      readonly file: number;
      readonly version: number;
      readonly index: number;
      readonly bytes: number;
    }
  /** `direct`: they did not come over the link. */
  | { readonly kind: 'packWritten'; readonly files: readonly WrittenFile[]; readonly direct?: true }
  /** Bytes of a file that is copied directly are flushed, and are those of the source. */
  | { readonly kind: 'directPart'; readonly file: number; readonly bytes: number }
  /** All of a file was copied directly, and is what the source has. */
  | { readonly kind: 'copied'; readonly file: number }
  | {
      readonly kind: 'chunkBad';
      readonly file: number;
      readonly version: number;
      readonly index: number;
      readonly bytes: number;
      readonly stage: 'link' | 'verify';
    }
  /** `bytes` are those of the window; of `zeros` none came. */
  | { readonly kind: 'chunkIgnored'; readonly bytes: number; readonly zeros?: true }
  | { readonly kind: 'fileEnd'; readonly file: number; readonly root: Uint8Array }
  | {
      readonly kind: 'fileChanged';
      readonly file: number;
      readonly version: number;
      readonly entry: PlanEntry;
    }
  | {
      readonly kind: 'fileFailed';
      readonly file: number;
      readonly code: string;
      readonly message: string;
      readonly tellSource: boolean;
    }
  | { readonly kind: 'flushed' }
  | { readonly kind: 'published'; readonly files: readonly number[] }
  | { readonly kind: 'unpublished'; readonly file: number; readonly outcome: FailedFinish }
  | { readonly kind: 'batchDone' }
  | { readonly kind: 'tick' };

export type FailedFinish =
  | { readonly kind: 'bad'; readonly indexes: readonly number[] }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** A small file that was written whole. */
export interface WrittenFile {
  readonly file: number;
  readonly bytes: number;
  readonly hash: Uint8Array;
}

export type SinkEffect =
  | { readonly kind: 'flush'; readonly marks: readonly ChunkMark[] }
  | { readonly kind: 'finish'; readonly files: readonly number[] }
  | { readonly kind: 'drop'; readonly file: SinkFile; readonly restart: boolean }
  | { readonly kind: 'send'; readonly message: SinkMessage }
  | { readonly kind: 'finalize' };

export function newSinkState(chunkBytes: number, plan: SinkPlan): SinkState {
  return {
    chunkBytes,
    files: new SinkFiles(plan, chunkBytes),
    emptyCursor: 0,
    unflushed: [],
    unflushedBytes: 0,
    flushing: null,
    complete: [],
    completeBytes: 0,
    finishing: 0,
    batches: 0,
    justPublished: [],
    open: 0,
    receivedBytes: 0,
    reusedBytes: 0,
    zeroBytes: 0,
    settledBytes: 0,
    durableBytes: 0,
    recoveredBytes: 0,
    doneEntries: 0,
    planComplete: false,
    finalizing: false,
    problems: [],
    problemCount: 0,
  };
}
