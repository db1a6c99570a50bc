import { type Static, Type } from 'typebox';

const Strict = { additionalProperties: false } as const;
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

const Outcome = Type.Union([
  Type.Literal('started'),
  Type.Literal('done'),
  Type.Literal('failed'),
  Type.Literal('refused'),
]);
const Pattern = Type.String({ minLength: 1, maxLength: 256 });

/** What to look for; all that is given must fit. Texts are compared as a whole, with `*` and `?`. */
const AuditFilterFields = {
  fromMs: Type.Optional(Type.Number()),
  untilMs: Type.Optional(Type.Number()),
  actor: Type.Optional(Pattern),
  action: Type.Optional(Pattern),
  resource: Type.Optional(Pattern),
  outcome: Type.Optional(Outcome),
  /** The file, or the folder with all below, on the host or a machine; copies and renames to there too. */
  path: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
};
export const AuditFilterRequest = Type.Object(AuditFilterFields, Strict);
export type AuditFilterRequest = Static<typeof AuditFilterRequest>;

export const SearchAuditRequest = Type.Object(
  {
    ...AuditFilterFields,
    /** Default 100. */
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    /** `nextBefore` of the page before. */
    before: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  Strict,
);
export type SearchAuditRequest = Static<typeof SearchAuditRequest>;

export const AuditRecordView = Type.Object({
  /** Counts from 1, without gaps. */
  sequence: Type.Integer(),
  timeMs: Type.Number(),
  actor: Type.Object({ kind: Type.String(), name: Type.String(), address: Type.String() }),
  action: Type.String(),
  resource: Type.String(),
  outcome: Outcome,
  details: Type.Record(
    Type.String(),
    Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]),
  ),
});
export type AuditRecordView = Static<typeof AuditRecordView>;

/** Newest records first. */
export const AuditPageView = Type.Object({
  records: Type.Array(AuditRecordView),
  nextBefore: Nullable(Type.Integer()),
  /** Parts of the log that could not be read on the way. */
  damagedParts: Type.Integer(),
});
export type AuditPageView = Static<typeof AuditPageView>;

export const AuditVerificationView = Type.Object({
  isSound: Type.Boolean(),
  segments: Type.Integer(),
  records: Type.Integer(),
  firstSequence: Type.Integer(),
  lastSequence: Type.Integer(),
  problems: Type.Array(
    Type.Object({
      kind: Type.String(),
      segment: Type.Integer(),
      fromByte: Nullable(Type.Integer()),
      toByte: Nullable(Type.Integer()),
      firstSequence: Nullable(Type.Integer()),
      lastSequence: Nullable(Type.Integer()),
      message: Type.String(),
    }),
  ),
  problemsTotal: Type.Integer(),
  notes: Type.Array(Type.String()),
});
export type AuditVerificationView = Static<typeof AuditVerificationView>;
