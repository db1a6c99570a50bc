import { type Static, Type } from 'typebox';

export const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const ErrorBody = Type.Object({ code: Type.String(), message: Type.String(), help: Type.String() });
export type ErrorBody = Static<typeof ErrorBody>;

/** A part of the daemon that is started again by itself where it ends. */
export const PartView = Type.Object({
  name: Type.Union([
    Type.Literal('agents'),
    Type.Literal('console'),
    Type.Literal('dialer'),
    Type.Literal('metrics'),
    Type.Literal('notifier'),
    Type.Literal('samba'),
    Type.Literal('scheduler'),
    Type.Literal('shares'),
  ]),
  state: Type.Union([Type.Literal('running'), Type.Literal('restarting')]),
  /** Since the daemon was started. */
  restarts: Type.Integer(),
  /** Why it ended last, or cannot start. */
  error: Nullable(ErrorBody),
});
export type PartView = Static<typeof PartView>;

/** Whether the destination's side copies by itself where it reaches the files of the source. */
export const DirectMode = Type.Union([Type.Literal('auto'), Type.Literal('always'), Type.Literal('never')]);

/** What a copy did without the link. */
export const DirectView = Type.Object({
  methods: Type.Array(
    Type.Object({
      /** Blocks are shared, the kernel copies, or the destination's side reads and writes. */
      method: Type.Union([Type.Literal('reflink'), Type.Literal('copy_file_range'), Type.Literal('direct')]),
      files: Type.Integer(),
      bytes: Type.Number(),
    }),
  ),
  /** Files that were to be copied so and came over the link. */
  backFiles: Type.Integer(),
  /** Why nothing was copied so, or the last of these files was not; null where there is nothing to tell. */
  why: Nullable(Type.String()),
});
export type DirectView = Static<typeof DirectView>;
