import { type Static, Type } from 'typebox';
import { LIMITS } from '../base/limits.ts';

/* Batches: what a share keeps of what machines have overwritten, so that it can be returned to an earlier state. */

const Strict = { additionalProperties: false } as const;

/** How long, and how much at most. */
export const ShareRollback = Type.Object(
  {
    keptMs: Type.Integer({ minimum: 1, maximum: LIMITS.rollbackKeptMaxMs.value }),
    maxBytes: Type.Integer({ minimum: 1, maximum: 2 ** 50 }),
  },
  Strict,
);
export type ShareRollback = Static<typeof ShareRollback>;

export const BatchView = Type.Object({
  number: Type.Integer(),
  atMs: Type.Number(),
  /** Null while it goes on. */
  endedAtMs: Type.Union([Type.Number(), Type.Null()]),
  /** How long ago it ended; 0 while it goes on. */
  agoMs: Type.Number(),
  /** Where it came from: `vm:` and the machine with its folder. */
  from: Type.String(),
  /** Names that it made, removed or gave to something else, and files that it wrote to. */
  files: Type.Integer(),
  keptBytes: Type.Integer(),
  /** Set where it is a rollback: the first batch that it took back. To return to before it takes it back. */
  tookBack: Type.Union([Type.Integer(), Type.Null()]),
  /** Why nothing before it can be reached; null where it can. */
  gap: Type.Union([Type.String(), Type.Null()]),
  /** The host was restarted in the middle of it: neither it nor what is before it can be taken back. */
  isCut: Type.Boolean(),
});
export type BatchView = Static<typeof BatchView>;

/** One of both: the first batch to be taken back, or how long ago the wished state was. */
export const RollBackRequest = Type.Object(
  {
    batch: Type.Optional(Type.Integer({ minimum: 1 })),
    agoMs: Type.Optional(Type.Integer({ minimum: 0 })),
    /** Although what the machine has written may not be here yet: what comes later is kept beside what stands here. */
    force: Type.Optional(Type.Literal(true)),
  },
  Strict,
);
export type RollBackRequest = Static<typeof RollBackRequest>;

export const RolledBackView = Type.Object({
  /** Batches that were taken back, the first of them. */
  batch: Type.Integer(),
  /** The batch of the rollback itself, by which it can be taken back; null where there was nothing to do. */
  rollback: Type.Union([BatchView, Type.Null()]),
});
export type RolledBackView = Static<typeof RolledBackView>;
