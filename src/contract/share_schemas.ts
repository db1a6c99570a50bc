import { type Static, Type } from 'typebox';
import { CachePolicy, WritesView } from './cache_schemas.ts';
import { UserName } from './identity_schemas.ts';
import { LeaseView } from './lease_schemas.ts';
import { CacheBytes, CacheView, MountState, WaitingView } from './mount_schemas.ts';
import { ShareRollback } from './rollback_schemas.ts';
import { VmName } from './schemas.ts';

/* Shares: folders of the host that others reach. A password is in the answer to the request that makes it, once. */

const Strict = { additionalProperties: false } as const;

/** What a URL and a user name can hold without escapes. */
export const ShareName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' });
const Users = Type.Array(UserName, { maxItems: 64 });
/** A limit for what the files that one user has made have together. */
const UserQuota = Type.Object(
  {
    /** One of the users of the share, or the share itself: that has what is made in mounts, by SMB, and with its password. */
    user: Type.String({ minLength: 1, maxLength: 64 }),
    limitBytes: Type.Integer({ minimum: 1, maximum: 2 ** 50 }),
  },
  Strict,
);
const UserQuotas = Type.Array(UserQuota, { maxItems: 64 });

const Quota = Type.Union([Type.Integer({ minimum: 1, maximum: 2 ** 50 }), Type.Null()]);

/**
 * Whose changes and reads of files are recorded: those of WebDAV alone, or of mounts and SMB too; `strict`: of these nothing is done
 * before its record is durable, as with WebDAV.
 */
const ShareAudit = Type.Union([Type.Literal('webdav'), Type.Literal('all'), Type.Literal('strict')]);

/** `write-back`: what is written waits on the disk of the machine and is sent on later. */
const ShareCachePolicy = Type.Union([
  Type.Literal('write-through'),
  Type.Literal('write-back'),
  /** Small files and names wait, large files do not. */
  Type.Literal('split'),
]);

const ShareMount = Type.Object(
  {
    vm: VmName,
    /** Absolute path of a folder of the machine; it is made where there is none. */
    path: Type.String({ minLength: 1, maxLength: 4096 }),
    /** Numbers of users and groups mean the same on both sides. */
    numericIds: Type.Optional(Type.Boolean()),
    /** A folder that belongs to root may be changed as root. */
    asRoot: Type.Optional(Type.Boolean()),
    /** What is read is kept on the disk of the machine, up to so many bytes; absent: nothing is. */
    cacheBytes: Type.Optional(CacheBytes),
    /** Absent: `write-through`. With `write-back` `cacheBytes` is what may wait. */
    cachePolicy: Type.Optional(ShareCachePolicy),
  },
  Strict,
);
export type ShareMount = Static<typeof ShareMount>;

export const ShareMountView = Type.Object({
  vm: Type.String(),
  path: Type.String(),
  state: MountState,
  error: Type.Union([
    Type.Object({ code: Type.String(), message: Type.String(), help: Type.String() }),
    Type.Null(),
  ]),
  /** Null where the machine keeps nothing of it, or has not told. */
  cache: Type.Union([CacheView, Type.Null()]),
  /** Null: `write-through`. */
  cachePolicy: Type.Union([CachePolicy, Type.Null()]),
  /** Null where nothing is kept, and nothing waits by its policy. */
  writes: Type.Union([WritesView, Type.Null()]),
  /** Null where nothing waits by its policy, or the machine has not told. */
  waiting: Type.Union([WaitingView, Type.Null()]),
  /** Null where it is not served at the moment. */
  leases: Type.Union([LeaseView, Type.Null()]),
});
export type ShareMountView = Static<typeof ShareMountView>;

export const CreateShareRequest = Type.Object(
  {
    name: Type.Optional(ShareName),
    /** Absolute path of a folder of the host. */
    source: Type.String({ minLength: 1, maxLength: 4096 }),
    readOnly: Type.Optional(Type.Boolean()),
    /** Bytes of all files together; null or absent: no quota. */
    quotaBytes: Type.Optional(Quota),
    /** In place of all that there were. */
    userQuotas: Type.Optional(UserQuotas),
    /** Users of this daemon who may use the share too, with one of their access tokens. */
    users: Type.Optional(Users),
    /** The machine that shows the share as a folder of its own. */
    mount: Type.Optional(ShareMount),
    /** Serve it by SMB too. */
    smb: Type.Optional(Type.Boolean()),
    /** Absent: `webdav`. */
    audit: Type.Optional(ShareAudit),
    /** What machines overwrite is kept for a while; absent: it is not. */
    rollback: Type.Optional(ShareRollback),
    /** The folder is a home, a system folder or the root, and is meant. */
    iKnow: Type.Optional(Type.Boolean()),
  },
  Strict,
);
export type CreateShareRequest = Static<typeof CreateShareRequest>;

export const SetShareRequest = Type.Object(
  {
    readOnly: Type.Optional(Type.Boolean()),
    quotaBytes: Type.Optional(Quota),
    /** In place of all that there were. */
    userQuotas: Type.Optional(UserQuotas),
    users: Type.Optional(Users),
    /** Null: no machine shows it any more. */
    mount: Type.Optional(Type.Union([ShareMount, Type.Null()])),
    /** Of the mount that there is. Before it changes all that waits is sent on. */
    cachePolicy: Type.Optional(ShareCachePolicy),
    /** Serve it by SMB too, or no more. Where it was not, the share gets a new password. */
    smb: Type.Optional(Type.Boolean()),
    audit: Type.Optional(ShareAudit),
    /** Null: nothing is kept any more. */
    rollback: Type.Optional(Type.Union([ShareRollback, Type.Null()])),
    /** A new password; the old one ends at once. */
    newPassword: Type.Optional(Type.Literal(true)),
    /** The folder that is there now is the right one. */
    rebind: Type.Optional(Type.Literal(true)),
  },
  Strict,
);
export type SetShareRequest = Static<typeof SetShareRequest>;

const ShareError = Type.Union([
  Type.Object({ code: Type.String(), message: Type.String(), help: Type.String() }),
  Type.Null(),
]);

/** How a share is served by SMB. */
export const ShareSmbView = Type.Object({
  state: Type.Union([Type.Literal('serving'), Type.Literal('error')]),
  error: ShareError,
  /** Null while it is not served. */
  host: Type.Union([Type.String(), Type.Null()]),
  port: Type.Union([Type.Integer(), Type.Null()]),
});
export type ShareSmbView = Static<typeof ShareSmbView>;

export const ShareView = Type.Object({
  name: Type.String(),
  protocol: Type.Literal('webdav'),
  source: Type.String(),
  readOnly: Type.Boolean(),
  quotaBytes: Type.Union([Type.Number(), Type.Null()]),
  /** As far as it was counted since the daemon was started; null without a quota, and before the first use. */
  usedBytes: Type.Union([Type.Number(), Type.Null()]),
  users: Type.Array(Type.String()),
  /** What is used is null as `usedBytes` is. */
  userQuotas: Type.Array(
    Type.Object({
      user: Type.String(),
      limitBytes: Type.Number(),
      usedBytes: Type.Union([Type.Number(), Type.Null()]),
    }),
  ),
  audit: ShareAudit,
  /** Null where nothing is kept of what machines overwrite. */
  rollback: Type.Union([ShareRollback, Type.Null()]),
  /** Null where no machine shows it. */
  mount: Type.Union([ShareMountView, Type.Null()]),
  state: Type.Union([Type.Literal('serving'), Type.Literal('error')]),
  error: ShareError,
  /** Null where it is not served by SMB. */
  smb: Type.Union([ShareSmbView, Type.Null()]),
  /** Null where the daemon serves no shares. */
  url: Type.Union([Type.String(), Type.Null()]),
  /** SHA-256 of the certificate, hex; null without TLS. */
  certificateFingerprint: Type.Union([Type.String(), Type.Null()]),
  /** Name to sign in with; the password was shown when it was made. */
  user: Type.String(),
});
export type ShareView = Static<typeof ShareView>;

export const CreatedShareView = Type.Object({
  share: ShareView,
  /** Shown this once; null where none was made. */
  password: Type.Union([Type.String(), Type.Null()]),
});
export type CreatedShareView = Static<typeof CreatedShareView>;
