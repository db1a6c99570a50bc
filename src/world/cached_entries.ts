import type { RelPath } from '../base/path.ts';
import type { Stat } from './disk.ts';

/** A part of a file, in bytes from its start; `end` is behind the last one. */
export interface FilePart {
  readonly start: number;
  readonly end: number;
}

/** An open file as it was looked at, and the part of it that was asked for; null where none was. */
export interface CachedPart {
  readonly stat: Stat;
  readonly bytes: Uint8Array | null;
}

/**
 * What the system has in memory of the entries below a folder: calls that never wait for a device, by the calling thread.
 * Each gives null where it would have to wait, or for what it does not serve: symlinks, also on the way, mounts below the
 * folder, what is neither file nor folder, and failures of all kinds. Whoever asks goes the longer way then.
 */
export interface CachedEntries {
  /** `missing` where nothing has the name. */
  look(path: RelPath): Stat | 'missing' | null;
  /**
   * Opens a regular file and reads the part that `choose` takes of it, at most LIMITS.cachedReadBytes. What `choose` throws is
   * thrown. Null too where the file has become shorter than that.
   */
  read(path: RelPath, choose: (stat: Stat) => FilePart | null): CachedPart | null;
}
