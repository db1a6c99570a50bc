import { type Static, Type } from 'typebox';
import { VmName } from './schemas.ts';

/* Mounts: folders of machines that the daemon shows on this host. */

const Strict = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });

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
});
export type MountView = Static<typeof MountView>;
