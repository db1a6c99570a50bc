import { type Static, Type } from 'typebox';

/* Notifications: who is told when something goes wrong. What is secret of a receiver is shown once, when it is added. */

const Strict = { additionalProperties: false } as const;
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const NotifyEventName = Type.Union([
  Type.Literal('job-failed'),
  Type.Literal('job-stalled'),
  Type.Literal('link-down'),
  Type.Literal('audit-broken'),
]);
export type NotifyEventName = Static<typeof NotifyEventName>;

export const AddNotifierRequest = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' }),
    /** `https:`; `http:` to this machine itself only. Either this or a command. */
    url: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })),
    /** The absolute path of a program of this host, and its arguments. It runs as the daemon. */
    command: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), { minItems: 1, maxItems: 64 }),
    ),
    /** Default: all. */
    events: Type.Optional(Type.Array(NotifyEventName, { minItems: 1, maxItems: 4, uniqueItems: true })),
    /** Addresses or networks that the URL may lead to though they are link-local or serve metadata. */
    permit: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 16 })),
  },
  Strict,
);
export type AddNotifierRequest = Static<typeof AddNotifierRequest>;

export const NotifierView = Type.Object({
  name: Type.String(),
  kind: Type.Union([Type.Literal('webhook'), Type.Literal('command')]),
  /** The server of a webhook, without its path, which may be secret; the program of a command. */
  target: Type.String(),
  events: Type.Array(NotifyEventName),
  createdAtMs: Type.Number(),
  /** Notifications that wait to be delivered. */
  queued: Type.Integer(),
  /** Since the start of the daemon. */
  delivered: Type.Integer(),
  failed: Type.Integer(),
  lastDeliveredAtMs: Nullable(Type.Number()),
  /** Why the last attempt failed; null where it did not. */
  error: Nullable(Type.Object({ code: Type.String(), message: Type.String(), help: Type.String() })),
});
export type NotifierView = Static<typeof NotifierView>;

export const AddedNotifierView = Type.Object({
  notifier: NotifierView,
  /** What signs the notifications of a webhook, in hex; shown this once. Null for a command. */
  secret: Nullable(Type.String()),
});
export type AddedNotifierView = Static<typeof AddedNotifierView>;
