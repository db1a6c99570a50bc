import { LIMITS } from '../base/limits.ts';
import { type CborMap, decodeCbor, encodeCbor } from './cbor.ts';
import { boolean, bytes, map as mapIn, mapOf, oneOf, optional, text, u32, uint } from './fields.ts';
import { decodeWaitPolicy, encodeWaitPolicy, type WaitPolicy } from './wait_policy.ts';

/** Versions of what is said on the stream of a mount. */
export const MOUNT_VERSIONS = { min: 1, max: 1 } as const;

export const MOUNT_ID_BYTES = 16;
/** By which a machine tells the hosts apart that have it show folders. */
export const HOST_TAG_BYTES = 16;
const CACHE_MAX_MS = 3_600_000;

export interface MountOwner {
  readonly userId: number;
  readonly groupId: number;
}

/** What the host asks a machine for: to serve a folder, or to show one that the host serves. */
export interface MountOpening {
  readonly version: number;
  /** The part of the side that receives it. */
  readonly role: 'server' | 'client';
  /** The same one for each attempt to go on with a mount. */
  readonly mountId: Uint8Array;
  /** The folder that is served, or the mount point: an absolute path of the side that receives it. */
  readonly path: string;
  /** What the mount is called in the table of mounts. */
  readonly label: string;
  readonly readOnly: boolean;
  readonly allowOther: boolean;
  /** Numbers of users and groups mean the same on both sides. */
  readonly numericIds: boolean;
  /** A folder that belongs to root may be served as root. */
  readonly asRoot: boolean;
  readonly cacheMs: number;
  /** How much of what is read the side with the mount point may keep on its disk; absent: nothing. */
  readonly cacheBytes?: number;
  /** What is written may wait on the disk of the side with the mount point, so much of it; absent: nothing waits. */
  readonly writeBackBytes?: number;
  /** With it: what waits and when it is sent on; absent: everything, as is usual. */
  readonly waitPolicy?: WaitPolicy;
}

/** The first message of the side with the mount point. */
export interface MountHello {
  /** Whom the mount belongs to there: shown as the owner of everything. */
  readonly owner: MountOwner;
  /** True where nothing was asked yet through this very mount: what an earlier one of that id had open is nobody's. */
  readonly begins?: boolean;
  /** It takes notices of what others change, and says what its kernel was told. */
  readonly hears?: boolean;
  /** It takes leases on files. */
  readonly leases?: boolean;
  /** It takes what is told of a folder beside the answer to a request that has changed it. */
  readonly folders?: boolean;
}

/** The first message of the side with the folder. */
export interface MountReady {
  /** True where it has what the mount had open before the link was lost. */
  readonly isKept: boolean;
  /** Its clock, in ms since 1970; absent where it does not say. */
  readonly wallMs?: number;
  /** It takes what the other side says of notices. */
  readonly tells?: boolean;
  /** It takes connections beside the stream (mount_detour.ts). */
  readonly detours?: boolean;
  /** It gives leases on files. */
  readonly leases?: boolean;
}

export function encodeMountOpening(opening: MountOpening): Uint8Array {
  const { waitPolicy, ...others } = opening;
  return encodeCbor({ ...others, ...(waitPolicy && { waitPolicy: encodeWaitPolicy(waitPolicy) }) });
}

/** CW_WIRE_*. */
export function decodeMountOpening(encoded: Uint8Array): MountOpening {
  const map = mapOf(decodeCbor(encoded), 'opening of a mount');
  const cacheBytes = optional(map, 'cacheBytes', uint);
  const writeBackBytes = optional(map, 'writeBackBytes', uint);
  const waitPolicy = optional(map, 'waitPolicy', mapIn);
  return {
    version: u32(map, 'version'),
    role: oneOf(map, 'role', ['server', 'client']),
    mountId: bytes(map, 'mountId', MOUNT_ID_BYTES),
    path: text(map, 'path', LIMITS.pathMaxBytes.value),
    label: text(map, 'label', LIMITS.pathMaxBytes.value),
    readOnly: boolean(map, 'readOnly'),
    allowOther: boolean(map, 'allowOther'),
    numericIds: boolean(map, 'numericIds'),
    asRoot: boolean(map, 'asRoot'),
    cacheMs: uint(map, 'cacheMs', CACHE_MAX_MS),
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
    ...(writeBackBytes === undefined ? {} : { writeBackBytes }),
    ...(waitPolicy === undefined ? {} : { waitPolicy: decodeWaitPolicy(waitPolicy) }),
  };
}

export function encodeMountHello(hello: MountHello): Uint8Array {
  const { owner, begins = false, hears = false, leases = false, folders = false } = hello;
  const { userId, groupId } = owner;
  const wishes = {
    ...(begins && { begins }),
    ...(hears && { hears }),
    ...(leases && { leases }),
    ...(folders && { folders }),
  };
  return encodeCbor({ userId, groupId, ...wishes });
}

/** CW_WIRE_*. */
export function decodeMountHello(encoded: Uint8Array): MountHello {
  const map = mapOf(decodeCbor(encoded), 'hello of a mount');
  const begins = optional(map, 'begins', boolean);
  const owner = { userId: u32(map, 'userId'), groupId: u32(map, 'groupId') };
  const hears = optional(map, 'hears', boolean);
  const leases = optional(map, 'leases', boolean);
  const folders = optional(map, 'folders', boolean);
  return {
    owner,
    ...(begins === undefined ? {} : { begins }),
    ...(hears === undefined ? {} : { hears }),
    ...(leases === undefined ? {} : { leases }),
    ...(folders === undefined ? {} : { folders }),
  };
}

export function encodeMountReady(ready: MountReady): Uint8Array {
  return encodeCbor({ ...ready });
}

/** CW_WIRE_*. */
export function decodeMountReady(encoded: Uint8Array): MountReady {
  const map: CborMap = mapOf(decodeCbor(encoded), 'answer of a mount');
  const wallMs = optional(map, 'wallMs', uint);
  const tells = optional(map, 'tells', boolean);
  const leases = optional(map, 'leases', boolean);
  const detours = optional(map, 'detours', boolean);
  return {
    isKept: boolean(map, 'isKept'),
    ...(wallMs === undefined ? {} : { wallMs }),
    ...(tells === undefined ? {} : { tells }),
    ...(detours === undefined ? {} : { detours }),
    ...(leases === undefined ? {} : { leases }),
  };
}
