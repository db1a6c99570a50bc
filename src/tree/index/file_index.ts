import type { Stat } from '../../world/disk.ts';

/** What tells one version of a file from another: all five the same means that nothing was written, see {@link FileIndex}. */
export type FileStamp = Pick<Stat, 'sizeBytes' | 'mtimeNs' | 'ctimeNs' | 'inode' | 'deviceId'>;

export interface IndexQuery {
  /** Absolute path on the machine of the index. */
  readonly path: string;
  /** The file as it is now. */
  readonly stamp: FileStamp;
}

/** What the index remembers of a file. */
export interface IndexHit {
  /** The file is the one that was read: its content need not be read again. */
  readonly unchanged: boolean;
  /** How it was cut into chunks. */
  readonly chunking: string;
  /** Identity of the content that was read, for that way of cutting. */
  readonly root: Uint8Array;
  /** Whether {@link FileIndex.chunksOf} has a list. */
  readonly hasChunks: boolean;
}

/** A file that was read. */
export interface IndexEntry {
  readonly path: string;
  /** The file before it was read; it was the same afterwards. */
  readonly stamp: FileStamp;
  /** Wall clock of the machine when the reading began, ms since 1970. */
  readonly readAtMs: number;
  readonly chunking: string;
  readonly root: Uint8Array;
  /** The chunk list, in its encoding; null for a file of one chunk. */
  readonly chunks: Uint8Array | null;
}

/**
 * Remembers which content the files of one side had when they were last read, so that unchanged files are not read again
 * and of changed ones only the difference travels. A file counts as unchanged when size, mtime, ctime, inode and device
 * are those of the version that was read, and both times were older than LIMITS.indexRacyMarginMs when the reading began:
 * a write just after it could leave the same times (the "racy" entries of git's index).
 *
 * It is a memory and nothing else: what it has lost costs a reading, so its methods fail for no reason but a bug of the
 * caller, and a damaged index is begun afresh. What it says of content is verified by hash before anything is published.
 */
export interface FileIndex {
  /** One answer for each query, null where nothing is remembered. */
  lookup(queries: readonly IndexQuery[]): Promise<(IndexHit | null)[]>;
  /** The chunk list remembered for a path, whether or not the file changed since; null where there is none. */
  chunksOf(path: string): Promise<Uint8Array | null>;
  /** A path whose file had that content when it was read: renamed files are found by it. Null where none is known. */
  findContent(chunking: string, root: Uint8Array): Promise<string | null>;
  remember(entries: readonly IndexEntry[]): Promise<void>;
  forget(paths: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Remembers nothing. */
export const NO_FILE_INDEX: FileIndex = {
  lookup: async (queries) => queries.map(() => null),
  chunksOf: async () => null,
  findContent: async () => null,
  remember: async () => undefined,
  forget: async () => undefined,
  close: async () => undefined,
};
