import { type Static, Type } from 'typebox';
import { LIMITS } from '../base/limits.ts';

/* How a cache treats what is written, and how that is changed while it works. */

const Strict = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });
const { cacheSizeMaxBytes, writeBackAgeMaxMs, writeBackWaveMax, writeBackDirtyLeastBytes } = LIMITS;

export const CachePolicy = Type.Union([
  /** What is written goes to the machine at once, and is not kept: it is kept once it is read. */
  Type.Literal('write-through'),
  /** Nothing is written: the mount is read-only. */
  Type.Literal('read-only'),
  Type.Literal('none'),
  /** What is written waits on the disk of the side with the mount, and is sent on later. */
  Type.Literal('write-back'),
  /** Small files and names wait; large files go to the machine at once. */
  Type.Literal('split'),
  /** What is written goes to the machine at once, past every cache. */
  Type.Literal('around'),
]);
export type CachePolicy = Static<typeof CachePolicy>;

/** When what waits in a journal is sent on, and what waits there at all. */
const JOURNAL_SETTINGS = {
  /** Most that may wait; who writes more waits. */
  dirtyMaxBytes: Type.Integer({
    minimum: writeBackDirtyLeastBytes.value,
    maximum: cacheSizeMaxBytes.value,
  }),
  /** Longest that anything waits. */
  ageMs: Type.Integer({ minimum: 0, maximum: writeBackAgeMaxMs.value }),
  /** Shortest time between two times at which what is due is sent on. */
  intervalMs: Type.Integer({ minimum: 0, maximum: writeBackAgeMaxMs.value }),
  /** Changes that are sent on before that is noted. */
  batch: Type.Integer({ minimum: 1, maximum: writeBackWaveMax.value }),
  /** Of what may wait: from `startPercent` on it is sent on whatever its age, until it is below `stopPercent`. */
  startPercent: Type.Integer({ minimum: 1, maximum: 100 }),
  stopPercent: Type.Integer({ minimum: 0, maximum: 100 }),
  /** With `split`: files of that size and more are large. */
  splitBytes: Type.Integer({ minimum: 0, maximum: cacheSizeMaxBytes.value }),
  /** What is written in order goes past the journal after so many bytes; 0: never. */
  cutoffBytes: Type.Integer({ minimum: 0, maximum: cacheSizeMaxBytes.value }),
} as const;

export const JournalSettings = Type.Object(JOURNAL_SETTINGS);
export type JournalSettings = Static<typeof JournalSettings>;

export const PartialJournalSettings = Type.Partial(Type.Object(JOURNAL_SETTINGS, Strict));
export type PartialJournalSettings = Static<typeof PartialJournalSettings>;

/** What becomes of writes in a mount. The three bits are those by which QEMU tells caches of disks apart. */
export const WritesView = Type.Object({
  policy: CachePolicy,
  /** Acknowledged before it is where it belongs: never, until the file is closed, or later. */
  writeback: Type.Union([Type.Literal('no'), Type.Literal('until-close'), Type.Literal('yes')]),
  /** Writes pass the page cache of the side with the mount. */
  direct: Type.Boolean(),
  /** An `fsync` flushes nothing. */
  noFlush: Type.Boolean(),
  /** Null where there is no journal. */
  journal: Type.Union([JournalSettings, Type.Null()]),
});
export type WritesView = Static<typeof WritesView>;

/** Which cache is meant: a mount of this host by its place, or a share that a machine shows by its name. One of both. */
export const SetCacheRequest = Type.Object(
  {
    mountpoint: Type.Optional(Path),
    share: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
    /** Absent: as it is. */
    policy: Type.Optional(CachePolicy),
    /** What is not named stays as it is. */
    journal: Type.Optional(PartialJournalSettings),
  },
  Strict,
);
export type SetCacheRequest = Static<typeof SetCacheRequest>;

export const SetCacheView = Type.Object({ writes: Type.Union([WritesView, Type.Null()]) });

export type CacheWish = Pick<SetCacheRequest, 'policy' | 'journal'>;
