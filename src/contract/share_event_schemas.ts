import { type Static, Type } from 'typebox';

/** Of GET `/v1/shares/:name/events`: what comes after this one. The header Last-Event-ID says the same. */
export const ShareEventsRequest = Type.Object(
  { since: Type.Optional(Type.Integer({ minimum: 0 })) },
  { additionalProperties: false },
);
export type ShareEventsRequest = Static<typeof ShareEventsRequest>;

const Nullable = <T extends ReturnType<typeof Type.String>>(one: T) => Type.Union([one, Type.Null()]);

/** What the data of the events of a share are; the name of an event is its `kind`. */
export const ShareEventView = Type.Object({
  /** Give it as `since` to go on after it. */
  index: Type.Integer(),
  kind: Type.Union([
    Type.Literal('create'),
    Type.Literal('modify'),
    Type.Literal('attributes'),
    Type.Literal('rename'),
    Type.Literal('delete'),
    /** Changes were missed: the folder is looked at anew, and what differs follows. */
    Type.Literal('overflow'),
    /** First of all, and when `state` is another one. */
    Type.Literal('state'),
    /** The last one; `error` says why. */
    Type.Literal('end'),
  ]),
  /** In the share, without a slash before it. Null where the event is about no file or folder. */
  path: Nullable(Type.String()),
  /** Of a rename: what it was called. */
  from: Nullable(Type.String()),
  type: Type.Union([
    Type.Literal('file'),
    Type.Literal('directory'),
    Type.Literal('symlink'),
    Type.Literal('other'),
    Type.Null(),
  ]),
  /** `rescanned`: the system gives no hints, so that changes are found by looking at everything again and again. */
  state: Type.Union([Type.Literal('watched'), Type.Literal('rescanned'), Type.Literal('gone'), Type.Null()]),
  error: Type.Union([
    Type.Object({ code: Type.String(), message: Type.String(), help: Type.String() }),
    Type.Null(),
  ]),
});
export type ShareEventView = Static<typeof ShareEventView>;
