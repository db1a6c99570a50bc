import { type Static, Type } from 'typebox';
import { LIMITS } from '../base/limits.ts';
import { CachePolicy, PartialJournalSettings, WritesView } from './cache_schemas.ts';
import { VmName } from './schemas.ts';

/* Mounts: folders of machines that the daemon shows on this host. */

const Strict = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });

const { cacheSizeMinBytes, cacheSizeMaxBytes, cacheMemoryMostBytes } = LIMITS;

export const CacheBytes = Type.Integer({
  minimum: cacheSizeMinBytes.value,
  maximum: cacheSizeMaxBytes.value,
});

/** Kinds of disks that a cache may have beside each other, the fastest first. */
export const TierName = Type.Union([Type.Literal('hot'), Type.Literal('warm'), Type.Literal('cold')]);
export type TierName = Static<typeof TierName>;

/** A folder of the host that is a tier of a cache. */
export const CacheTierWish = Type.Object(
  {
    tier: TierName,
    /** Absolute path. */
    folder: Path,
    /** For each tier, or for none; absent: its usual part of `cacheBytes`. */
    sizeBytes: Type.Optional(CacheBytes),
  },
  Strict,
);

export const AddMountRequest = Type.Object(
  {
    vm: VmName,
    /** Absolute path of a folder of the machine. */
    folder: Path,
    /** Absolute path of a folder of the host. */
    mountpoint: Path,
    readOnly: Type.Optional(Type.Boolean()),
    /** Other users than the daemon's reach it too. */
    allowOther: Type.Optional(Type.Boolean()),
    /** Numbers of users and groups mean the same on both sides. */
    numericIds: Type.Optional(Type.Boolean()),
    /** A folder that belongs to root may be served as root. */
    asRoot: Type.Optional(Type.Boolean()),
    /** How long names and attributes are believed, in ms; absent: 1000. */
    cacheMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600_000 })),
    /** Blocks of files are kept on this host's disk, up to so many bytes; absent: none are. */
    cacheBytes: Type.Optional(CacheBytes),
    /** The same in memory, whatever else needs it; absent: what is usual, and less where memory is short. */
    cacheMemoryBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: cacheMemoryMostBytes.value })),
    /** Absolute path of a folder of the host for them; absent: the data directory. */
    cacheFolder: Type.Optional(Path),
    /** Folders on disks of different kinds instead: what is read often comes to the fastest one. */
    cacheTiers: Type.Optional(Type.Array(CacheTierWish, { minItems: 1, maxItems: 3 })),
    /** Absent: write-through. */
    cachePolicy: Type.Optional(CachePolicy),
    /** Where what is written waits in a journal; what is left out is as usual. */
    journal: Type.Optional(PartialJournalSettings),
  },
  Strict,
);
export type AddMountRequest = Static<typeof AddMountRequest>;

export const RemoveMountRequest = Type.Object({ mountpoint: Path }, Strict);
export type RemoveMountRequest = Static<typeof RemoveMountRequest>;

export const MountState = Type.Union([
  Type.Literal('mounted'),
  /** The machine is away; programs get errors after a while. */
  Type.Literal('waiting'),
  Type.Literal('error'),
]);
export type MountState = Static<typeof MountState>;

export const CacheState = Type.Union([
  Type.Literal('on'),
  /** Its disk has no room above what is to stay free: what is there is served, and nothing more is kept. */
  Type.Literal('full'),
  Type.Literal('read-only'),
  Type.Literal('gone'),
  Type.Literal('slow'),
  Type.Literal('failing'),
]);

export const CacheAhead = Type.Object({
  /**
   * `sequence`: a file is read in order, or by steps. `folder`: small files are read in the order of their folder. `history`: it
   * came after what is being read the time before. `start`: it was read after the last start, and came from the disk into memory.
   */
  kind: Type.Union([
    Type.Literal('sequence'),
    Type.Literal('folder'),
    Type.Literal('history'),
    Type.Literal('start'),
  ]),
  fetchedBytes: Type.Integer(),
  usedBytes: Type.Integer(),
  /** Known to be in vain; what is neither used nor wasted may be used still. */
  wastedBytes: Type.Integer(),
});

export const CacheReads = Type.Object({
  tier: Type.Union([Type.Literal('memory'), Type.Literal('disk'), Type.Literal('link')]),
  count: Type.Integer(),
  sumUs: Type.Integer(),
  /** Reads of at most so long, for each bound of the metric `causeway_cache_read_seconds`. */
  upTo: Type.Array(Type.Integer()),
});

const Amount = Type.Integer({ minimum: 0 });

/** One tier of a cache; counts since it was mounted. */
export const CacheTier = Type.Object({
  tier: TierName,
  folder: Type.String(),
  state: CacheState,
  /** What is wrong with its disk; null where all is well. */
  why: Type.Union([Type.String(), Type.Null()]),
  /** For how long it is not `on`; null where it is. */
  bypassedForMs: Type.Union([Amount, Type.Null()]),
  capacityBytes: Amount,
  /** What it may hold now: its capacity, or less where its disk has less room. */
  limitBytes: Amount,
  residentBytes: Amount,
  blocks: Amount,
  /** What its index takes in memory. */
  indexBytes: Amount,
  hits: Amount,
  /** Blocks that have left it for a faster tier, and for a slower one. */
  promoted: Amount,
  demoted: Amount,
  evicted: Amount,
  damaged: Amount,
  bypassed: Amount,
  /** How long reads of blocks took that it answered. */
  reads: Type.Object({
    count: Amount,
    sumUs: Amount,
    /** Reads of at most so long, for each bound of the metric `causeway_cache_tier_read_seconds`. */
    upTo: Type.Array(Amount),
  }),
});
export type CacheTier = Static<typeof CacheTier>;

/** The block cache of a mount; counts since it was mounted. */
export const CacheView = Type.Object({
  policy: CachePolicy,
  state: CacheState,
  capacityBytes: Type.Integer(),
  residentBytes: Type.Integer(),
  files: Type.Integer(),
  /** Blocks that were found, and that were not. */
  hits: Type.Integer(),
  misses: Type.Integer(),
  evicted: Type.Integer(),
  /** Blocks that were changed on the disk, and were read again from the machine. */
  damaged: Type.Integer(),
  /** Blocks that were not looked for, or not kept, because of the disk. */
  bypassed: Type.Integer(),
  /** Blocks in memory, as they are, and how many bytes of them there may be now. */
  memoryBytes: Type.Integer(),
  memoryLimitBytes: Type.Integer(),
  /** 0 where there is memory to spare, 100 where there is none: the less there is, the less is kept in it and fetched ahead. */
  memoryPressurePercent: Type.Integer(),
  /** Of reads that the cache answered: all; those that were there, or fetched ahead; and what was fetched for whatever reason. */
  bytesAsked: Type.Integer(),
  bytesFromCache: Type.Integer(),
  bytesFetched: Type.Integer(),
  /** Reads that went to the machine as they were. */
  passed: Type.Integer(),
  /** Blocks that were fetched before they were asked for, by the reason. */
  ahead: Type.Array(CacheAhead),
  /** How long reads took, by where their blocks came from. */
  reads: Type.Array(CacheReads),
  /** Its tiers, the fastest first; absent where it lies in one folder. A file with blocks in two of them counts twice in `files`. */
  tiers: Type.Optional(Type.Array(CacheTier)),
});
export type CacheView = Static<typeof CacheView>;

/** What was written in a mount and is not where it belongs yet. */
export const WaitingView = Type.Object({
  dirtyBytes: Type.Integer(),
  /** Files, names and attributes that are still to be changed there. */
  changes: Type.Integer(),
  /** Null where nothing waits. */
  oldestDirtyAgeMs: Type.Union([Type.Integer(), Type.Null()]),
  /** Null where it is not known. */
  timeToCleanMs: Type.Union([Type.Integer(), Type.Null()]),
  /** What the journal takes on its disk. */
  journalBytes: Type.Integer(),
  /** Changes that cannot be sent on, and why. */
  failures: Type.Array(Type.Object({ path: Type.String(), code: Type.String(), message: Type.String() })),
  /** Files that others have changed too: what was written here is kept beside them. */
  conflicts: Type.Array(
    Type.Object({
      path: Type.String(),
      keptAs: Type.Union([Type.String(), Type.Null()]),
      message: Type.String(),
    }),
  ),
});
export type WaitingView = Static<typeof WaitingView>;

/** Which cache is meant: a mount of this host by its place, or a share that a machine shows by its name. One of both. */
export const CacheWaitRequest = Type.Object(
  {
    mountpoint: Type.Optional(Path),
    share: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
    /** True: until nothing waits at all; false: until what waits now is sent on, or cannot be. */
    clean: Type.Boolean(),
    /** Answers after that time in any case. */
    waitMs: Type.Integer({ minimum: 0, maximum: LIMITS.writeBackWaitMs.value }),
  },
  Strict,
);
export type CacheWaitRequest = Static<typeof CacheWaitRequest>;

export const CacheWaitView = Type.Object({
  /** What was waited for has come. */
  isDone: Type.Boolean(),
  /** Null where the machine has not told. */
  waiting: Type.Union([WaitingView, Type.Null()]),
});
export type CacheWaitView = Static<typeof CacheWaitView>;

export const MountView = Type.Object({
  vm: Type.String(),
  folder: Type.String(),
  mountpoint: Type.String(),
  readOnly: Type.Boolean(),
  state: MountState,
  error: Type.Union([
    Type.Object({ code: Type.String(), message: Type.String(), help: Type.String() }),
    Type.Null(),
  ]),
  /** Null where nothing is kept, and while it is not mounted. */
  cache: Type.Union([CacheView, Type.Null()]),
  /** Null where nothing is kept. */
  cachePolicy: Type.Union([CachePolicy, Type.Null()]),
  /** Null where nothing is kept, and nothing waits by its policy. */
  writes: Type.Union([WritesView, Type.Null()]),
  /** Null where nothing waits here by its policy, and while it is not mounted. */
  waiting: Type.Union([WaitingView, Type.Null()]),
});
export type MountView = Static<typeof MountView>;
