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
  /** Of each tier, the fastest first; absent where there are none. A file with blocks in two of them counts twice in `files`. */
  tiers?: TierCounts[];
}

/** Kinds of disks that a cache may have beside each other, the fastest first. */
export const TIER_NAMES = ['hot', 'warm', 'cold'] as const;
export type TierName = (typeof TIER_NAMES)[number];

/** A tier of a cache, and what it came to since the cache was opened. */
export interface TierCounts {
  readonly tier: TierName;
  readonly folder: string;
  readonly state: CacheState;
  /** What has gone wrong; null where all is well. */
  readonly why: string | null;
  /** For how long it is not `on`; null where it is. */
  readonly bypassedForMs: number | null;
  readonly capacityBytes: number;
  /** What it may hold now: its capacity, or less where its disk has less room. */
  readonly limitBytes: number;
  readonly residentBytes: number;
  readonly blocks: number;
  /** What its index takes in memory. */
  readonly indexBytes: number;
  readonly hits: number;
  /** Blocks that have left it for a faster tier. */
  readonly promoted: number;
  /** Blocks that have left it for a slower tier. */
  readonly demoted: number;
  readonly evicted: number;
  readonly damaged: number;
  readonly bypassed: number;
  /** How long its reads took: all, their sum, and those up to each bound of `TIER_SECONDS`. */
  readonly reads: { readonly count: number; readonly sumUs: number; readonly upTo: number[] };
}

/** Where a tier lies. */
export interface TierPlace {
  readonly tier: TierName;
  /** Absolute path of a folder. */
  readonly folder: string;
  readonly capacityBytes: number;
}

/** What a store is opened with. */
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
  /** In these instead of `folder`, the fastest first; then `capacityBytes` is that of all. */
  readonly tiers?: readonly TierPlace[];
}

/** A block of a version of a file. */
export interface FileBlock {
  readonly of: FileVersion;
  readonly block: number;
}

/** How a store is. */
export interface StoreStanding {
  readonly state: CacheState;
  /** What has gone wrong; null where all is well. */
  readonly why: string | null;
  /** Since when, by the monotonic clock. */
  readonly sinceMs: number;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** What it may hold now: its capacity, or less where its disk has less room. */
  readonly limitBytes: number;
  /** What it holds, and what is on its way there. */
  readonly usedBytes: number;
  /** What its index takes in memory. */
  readonly indexBytes: number;
}

/** Blocks that are kept for whoever would fetch them from further away. It never fails, and never gives wrong bytes. */
export interface Blocks {
  readonly blockBytes: number;
  readonly counts: CacheCounts;
  /** Bytes of a block of a file. */
  sizeOf(of: FileVersion, block: number): number;
  /** Whether {@link read} is likely to have it. */
  has(of: FileVersion, block: number): boolean;
  /** Null where it is not there, or cannot be had in time. The bytes are not to be changed. */
  read(of: FileVersion, block: number): Promise<Uint8Array | null>;
  /** Keeps a block, some time later; `bytes` are whole, and the store's from now on. */
  keep(of: FileVersion, block: number, bytes: Uint8Array): void;
  /** Nothing of that file is kept any more, as soon as this returns. */
  drop(key: string): void;
  close(): Promise<void>;
}
