import { type Static, Type } from 'typebox';
import { LIMITS } from '../base/limits.ts';
import { VmName } from './schemas.ts';

/* Mounts: folders of machines that the daemon shows on this host. */

const Strict = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });

const { cacheSizeMinBytes, cacheSizeMaxBytes } = LIMITS;

export const CacheBytes = Type.Integer({
  minimum: cacheSizeMinBytes.value,
  maximum: cacheSizeMaxBytes.value,
});

export const CachePolicy = Type.Union([
  /** What is written goes to the machine at once, and is not kept: it is kept once it is read. */
  Type.Literal('write-through'),
  /** Nothing is written: the mount is read-only. */
  Type.Literal('read-only'),
  Type.Literal('none'),
]);
export type CachePolicy = Static<typeof CachePolicy>;

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
    /** Absolute path of a folder of the host for them; absent: the data directory. */
    cacheFolder: Type.Optional(Path),
    /** Absent: write-through. */
    cachePolicy: Type.Optional(CachePolicy),
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
  bytesFromCache: Type.Integer(),
  bytesFetched: Type.Integer(),
  /** Reads that went to the machine as they were. */
  passed: Type.Integer(),
});
export type CacheView = Static<typeof CacheView>;

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
});
export type MountView = Static<typeof MountView>;
