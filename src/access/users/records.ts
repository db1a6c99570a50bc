import { type Static, Type } from 'typebox';
import { LIMITS } from '../../base/limits.ts';
import { Grants } from '../rights/grant.ts';

const Strict = { additionalProperties: false } as const;
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Id = Type.String({ pattern: '^[0-9a-f]{16}$' });
const Time = Type.Number();

/** The authenticator of a user: its secret, sealed by the vault, and the last step whose code was used (-1: none). */
export const TotpRecord = Type.Object({ sealed: Type.String(), lastStep: Type.Integer() }, Strict);
export type TotpRecord = Static<typeof TotpRecord>;

export const UserRecord = Type.Object(
  {
    id: Id,
    name: Type.String(),
    /** PHC string; null for a user who has not set a password yet. */
    password: Type.Union([Type.String(), Type.Null()]),
    grants: Grants,
    disabled: Type.Boolean(),
    createdAtMs: Time,
    /** Counts what ends all sessions: a new password, another second factor, a sign-out everywhere. */
    epoch: Type.Integer(),
    totp: Type.Union([TotpRecord, Type.Null()]),
    /** A secret that was shown and waits for its first code. */
    totpPending: Type.Union([Type.String(), Type.Null()]),
    /** Hashes of the recovery codes that were not used yet. */
    recovery: Type.Array(Hash, { maxItems: LIMITS.recoveryCodesMax.value }),
  },
  Strict,
);
export type UserRecord = Static<typeof UserRecord>;

export const TokenRecord = Type.Object(
  {
    id: Id,
    hash: Hash,
    userId: Id,
    /** For people: what the token is for. */
    label: Type.String({ maxLength: 128 }),
    bound: Grants,
    createdAtMs: Time,
    expiresAtMs: Time,
    lastUsedAtMs: Type.Union([Time, Type.Null()]),
  },
  Strict,
);
export type TokenRecord = Static<typeof TokenRecord>;

/** A link that works once: to become the first administrator, or for a user to set a password. */
export const LinkRecord = Type.Object(
  { id: Id, hash: Hash, userId: Type.Union([Id, Type.Null()]), expiresAtMs: Time },
  Strict,
);
export type LinkRecord = Static<typeof LinkRecord>;

export const SessionRecord = Type.Object(
  {
    id: Id,
    hash: Hash,
    userId: Id,
    epoch: Type.Integer(),
    secondFactor: Type.Boolean(),
    address: Type.String(),
    createdAtMs: Time,
    lastSeenAtMs: Time,
  },
  Strict,
);
export type SessionRecord = Static<typeof SessionRecord>;

/** `users.json`: one file, so that a removed user's tokens are gone in the same moment. */
export const UserState = Type.Object(
  {
    users: Type.Array(UserRecord),
    tokens: Type.Array(TokenRecord),
    links: Type.Array(LinkRecord),
  },
  Strict,
);
export type UserState = Static<typeof UserState>;

export const NO_USERS: UserState = { users: [], tokens: [], links: [] };

/** `sessions.json`. */
export const SessionState = Type.Object({ sessions: Type.Array(SessionRecord) }, Strict);
