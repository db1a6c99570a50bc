import { type Static, Type } from 'typebox';
import { LIMITS } from '../base/limits.ts';

/* Users, sign-in, tokens. Secrets are in requests, and once in the answer to the request that makes them. */

const Strict = { additionalProperties: false } as const;
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const UserName = Type.String({ minLength: 1, maxLength: 64 });
const Password = Type.String({ minLength: 1, maxLength: 4096 });
const Code = Type.String({ minLength: 1, maxLength: 64 });
const SecretText = Type.String({ minLength: 1, maxLength: 256 });
const Minute = Type.Integer({ minimum: 0, maximum: 1439 });

export const RoleName = Type.Union([Type.Literal('viewer'), Type.Literal('operator'), Type.Literal('admin')]);

/** A role, what it reaches (`*`, `vm:NAME`, `vm:NAME:/FOLDER`, `host`, `host:/FOLDER`), and when. */
export const GrantBody = Type.Object(
  {
    role: RoleName,
    scopes: Type.Array(Type.String({ minLength: 1, maxLength: 4_200 }), {
      minItems: 1,
      maxItems: LIMITS.grantItemsMax.value,
    }),
    when: Type.Optional(
      Type.Object(
        {
          fromMs: Type.Optional(Type.Number()),
          untilMs: Type.Optional(Type.Number()),
          addresses: Type.Optional(
            Type.Array(Type.String({ maxLength: 64 }), { maxItems: LIMITS.grantItemsMax.value }),
          ),
          secondFactor: Type.Optional(Type.Literal(true)),
          hoursUtc: Type.Optional(Type.Object({ fromMinute: Minute, toMinute: Minute }, Strict)),
        },
        Strict,
      ),
    ),
  },
  Strict,
);
export type GrantBody = Static<typeof GrantBody>;
const GrantList = Type.Array(GrantBody, { maxItems: LIMITS.grantsMax.value });

export const MeView = Type.Object({
  /** `local`: through the socket in the data directory. */
  kind: Type.Union([Type.Literal('user'), Type.Literal('token'), Type.Literal('local')]),
  name: Type.String(),
  /** The highest role of any grant; null without one. What it reaches, the grants tell. */
  role: Nullable(RoleName),
  grants: Type.Array(GrantBody),
  /** What a token allows at most; null for others. */
  bound: Nullable(Type.Array(GrantBody)),
  /** The actions that are allowed now, for something at least. */
  actions: Type.Array(Type.String()),
  /** Signed in with a second factor. */
  secondFactor: Type.Boolean(),
  /** The account has an authenticator. */
  totp: Type.Boolean(),
  recoveryCodesLeft: Type.Integer(),
  /** For the header X-CSRF-Token of changing requests; null without a cookie. */
  csrf: Nullable(Type.String()),
});
export type MeView = Static<typeof MeView>;

export const LogInRequest = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 256 }), password: Password, code: Type.Optional(Code) },
  Strict,
);
export type LogInRequest = Static<typeof LogInRequest>;

export const LookLinkRequest = Type.Object({ link: SecretText }, Strict);
export type LookLinkRequest = Static<typeof LookLinkRequest>;

/** `first`: it makes the first administrator, who chooses a name. */
export const LinkView = Type.Object({
  kind: Type.Union([Type.Literal('first'), Type.Literal('password')]),
  name: Nullable(Type.String()),
});
export type LinkView = Static<typeof LinkView>;

export const RedeemLinkRequest = Type.Object(
  { link: SecretText, password: Password, /** With a `first` link only. */ name: Type.Optional(UserName) },
  Strict,
);
export type RedeemLinkRequest = Static<typeof RedeemLinkRequest>;

/** Who can sign in now, with the password that was just set. */
export const RedeemedView = Type.Object({ name: Type.String() });
export type RedeemedView = Static<typeof RedeemedView>;

export const ChangePasswordRequest = Type.Object({ old: Password, new: Password }, Strict);
export type ChangePasswordRequest = Static<typeof ChangePasswordRequest>;

export const SessionView = Type.Object({
  id: Type.String(),
  address: Type.String(),
  createdAtMs: Type.Number(),
  lastSeenAtMs: Type.Number(),
  secondFactor: Type.Boolean(),
  /** The one that asks. */
  current: Type.Boolean(),
});
export type SessionView = Static<typeof SessionView>;

export const CodeRequest = Type.Object({ code: Code }, Strict);
export type CodeRequest = Static<typeof CodeRequest>;

/** Where an authenticator counts already, a new one needs a code of the old one. */
export const BeginTotpRequest = Type.Object({ code: Type.Optional(Code) }, Strict);
export type BeginTotpRequest = Static<typeof BeginTotpRequest>;

/** Shown once; it counts after its first code was given. */
export const TotpView = Type.Object({
  uri: Type.String(),
  /** The secret in base32, to type it in. */
  secret: Type.String(),
  /** The URI as a QR code: an SVG picture. */
  qrSvg: Type.String(),
});
export type TotpView = Static<typeof TotpView>;

export const RecoveryCodesView = Type.Object({ codes: Type.Array(Type.String()) });
export type RecoveryCodesView = Static<typeof RecoveryCodesView>;

export const UserView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Nullable(RoleName),
  grants: Type.Array(GrantBody),
  disabled: Type.Boolean(),
  /** False until a one-time link gave a password. */
  hasPassword: Type.Boolean(),
  totp: Type.Boolean(),
  recoveryCodesLeft: Type.Integer(),
  createdAtMs: Type.Number(),
  sessions: Type.Integer(),
  tokens: Type.Integer(),
});
export type UserView = Static<typeof UserView>;

export const AddUserRequest = Type.Object({ name: UserName, grants: GrantList }, Strict);
export type AddUserRequest = Static<typeof AddUserRequest>;

export const SetUserRequest = Type.Object(
  { grants: Type.Optional(GrantList), disabled: Type.Optional(Type.Boolean()) },
  Strict,
);
export type SetUserRequest = Static<typeof SetUserRequest>;

export const SetPasswordRequest = Type.Object({ password: Password }, Strict);
export type SetPasswordRequest = Static<typeof SetPasswordRequest>;

/** Goes to the user by a safe way: who has it sets the password. Works once. */
export const OneTimeLinkView = Type.Object({
  link: Type.String(),
  /** The page of the console for it; null where the daemon serves none. */
  url: Nullable(Type.String()),
  expiresAtMs: Type.Number(),
});
export type OneTimeLinkView = Static<typeof OneTimeLinkView>;

export const AddedUserView = Type.Object({ user: UserView, link: OneTimeLinkView });
export type AddedUserView = Static<typeof AddedUserView>;

export const TokenView = Type.Object({
  id: Type.String(),
  user: Type.String(),
  label: Type.String(),
  bound: Type.Array(GrantBody),
  createdAtMs: Type.Number(),
  expiresAtMs: Type.Number(),
  lastUsedAtMs: Nullable(Type.Number()),
});
export type TokenView = Static<typeof TokenView>;

export const CreateTokenRequest = Type.Object(
  {
    label: Type.String({ minLength: 1, maxLength: 128 }),
    /** What it allows at most; default: all that its user may. */
    bound: Type.Optional(GrantList),
    /** Default 90 days, at most 366. */
    lifeMs: Type.Optional(Type.Integer({ minimum: 60_000, maximum: LIMITS.tokenLifeMaxMs.value })),
  },
  Strict,
);
export type CreateTokenRequest = Static<typeof CreateTokenRequest>;

/** `text` is shown this once. */
export const CreatedTokenView = Type.Object({ token: TokenView, text: Type.String() });
export type CreatedTokenView = Static<typeof CreatedTokenView>;

/** Networks from which the daemon may be reached; empty: from everywhere. The machine itself always may. */
export const AllowBody = Type.Object(
  {
    networks: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      maxItems: LIMITS.allowListMax.value,
    }),
  },
  Strict,
);
export type AllowBody = Static<typeof AllowBody>;

export const AllowView = Type.Object({
  networks: Type.Array(Type.String()),
  /** What the settings say, which counts while `networks` is empty. */
  configured: Type.Array(Type.String()),
});
export type AllowView = Static<typeof AllowView>;
