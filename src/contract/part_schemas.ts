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
