import type { RelPath } from '../base/path.ts';
import type { PlanEntry, Problem, SinkMessage } from '../wire/copy_types.ts';
import { ChunkMap, chunkCount } from './chunk_map.ts';
import { fileKeyOf } from './temporary_name.ts';

/**
 * receiving → finishing (flush, verify, publish) → published. `failed` and `published` are final; a file goes back
 * from finishing to receiving when verification finds a bad chunk.
 */
export type SinkFilePhase = 'receiving' | 'finishing' | 'published' | 'failed';

export interface SinkFile {
  readonly index: number;
  entry: PlanEntry;
  /** Where it goes, relative to the folder that takes the copy, and the key made of that. */
  readonly target: RelPath;
  readonly key: Uint8Array;
  chunks: ChunkMap;
  version: number;
  phase: SinkFilePhase;
  /** The source's root once it has sent everything of this version, else null. */
  root: Uint8Array | null;
  /** Bytes counted as durable; only rises, at most the planned size. */
  creditedBytes: number;
  readonly plannedBytes: number;
  retries: number;
}

export interface Mark {
  readonly file: number;
  readonly version: number;
  readonly index: number;
  readonly bytes: number;
}

export interface SinkState {
  readonly chunkBytes: number;
  readonly files: Map<number, SinkFile>;
  /** Chunks written and not flushed. */
  unflushed: Mark[];
  unflushedBytes: number;
  flushing: readonly Mark[] | null;
  /** Complete files waiting for a finishing batch. */
  readonly complete: number[];
  batches: number;
  /** Bytes of complete files that their finishing batch flushes. */
  readonly finishingBytes: Map<number, number>;
  /** Published and not told to the source yet. */
  readonly justPublished: number[];
  open: number;
  receivedBytes: number;
  settledBytes: number;
  durableBytes: number;
  doneEntries: number;
  planComplete: boolean;
  finalizing: boolean;
  readonly problems: Problem[];
}

export type SinkEvent =
  | { readonly kind: 'planned'; readonly index: number; readonly entry: PlanEntry; readonly target: RelPath }
  | { readonly kind: 'planEnd' }
  | { readonly kind: 'entryDone'; readonly count: number }
  | { readonly kind: 'recovered'; readonly file: number; readonly index: number; readonly hash: Uint8Array }
  | { readonly kind: 'inPlace'; readonly file: number }
  | {
      readonly kind: 'chunkWritten';
      readonly file: number;
      readonly version: number;
      readonly index: number;
      readonly bytes: number;
      readonly hash: Uint8Array;
    }
  | { readonly kind: 'packWritten'; readonly files: readonly WrittenFile[] }
  | {
      readonly kind: 'chunkBad';
      readonly file: number;
      readonly version: number;
      readonly index: number;
      readonly bytes: number;
      readonly stage: 'link' | 'verify';
    }
  | { readonly kind: 'chunkIgnored'; readonly bytes: number }
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
  | { readonly kind: 'flush'; readonly marks: readonly Mark[] }
  | { readonly kind: 'finish'; readonly files: readonly number[] }
  | { readonly kind: 'drop'; readonly file: number; readonly version: number; readonly restart: boolean }
  | { readonly kind: 'send'; readonly message: SinkMessage }
  | { readonly kind: 'finalize' };

export function newSinkState(chunkBytes: number): SinkState {
  return {
    chunkBytes,
    files: new Map(),
    unflushed: [],
    unflushedBytes: 0,
    flushing: null,
    complete: [],
    batches: 0,
    finishingBytes: new Map(),
    justPublished: [],
    open: 0,
    receivedBytes: 0,
    settledBytes: 0,
    durableBytes: 0,
    doneEntries: 0,
    planComplete: false,
    finalizing: false,
    problems: [],
  };
}

export function newSinkFile(index: number, entry: PlanEntry, target: RelPath, chunkBytes: number): SinkFile {
  return {
    index,
    entry,
    target,
    key: fileKeyOf(target),
    chunks: new ChunkMap(chunkCount(entry.sizeBytes, chunkBytes)),
    version: 0,
    phase: 'receiving',
    root: null,
    creditedBytes: 0,
    plannedBytes: entry.sizeBytes,
    retries: 0,
  };
}
