/** One state of one file: equal versions mean equal bytes. Both are texts of at most 255 characters. */
export interface FileVersion {
  /** Which file, wherever its name has gone: no two files have the same one, one after the other neither. */
  readonly file: string;
  readonly version: string;
  readonly sizeBytes: number;
}

/** How it is with the disk of a cache; `on` is the only good one. All others serve nothing wrong, and end by themselves. */
export type CacheState = 'on' | 'full' | 'read-only' | 'gone' | 'slow' | 'failing';

/** What a cache came to since it was opened, and what lies in it. */
export interface CacheCounts {
  state: CacheState;
  capacityBytes: number;
  residentBytes: number;
  files: number;
  hits: number;
  misses: number;
  /** Blocks that had to leave for others. */
  evicted: number;
  /** What was changed from outside, or lost: each was read again from where it came from. */
  damaged: number;
  /** Blocks that were not looked for, or not kept, because of the disk. */
  bypassed: number;
}

/** What {@link BlockStore} is opened with. */
export interface StorePlace {
  /** Absolute path of a folder that is there. */
  readonly folder: string;
  /** Of the folder in it that is the cache's own: letters, digits and hyphens. */
  readonly name: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly capacityBytes: number;
  /** So much of the disk stays free. */
  readonly reserveBytes: number;
  readonly blockBytes: number;
}
