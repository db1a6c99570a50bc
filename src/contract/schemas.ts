import { type Static, Type } from 'typebox';

/* The local API of the daemon: JSON over HTTP/1.1 on a Unix socket. Times are ms since 1970 UTC, sizes bytes. */

const Strict = { additionalProperties: false } as const;
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const VmName = Type.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$' });

/** How the host reaches a machine. `listen` waits for the machine's agent to dial in (`vm pair`). */
export const VmEndpoint = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('tcp'),
      host: Type.String({ minLength: 1 }),
      port: Type.Integer({ minimum: 1, maximum: 65535 }),
    },
    Strict,
  ),
  Type.Object({ kind: Type.Literal('serial'), path: Type.String({ minLength: 1 }) }, Strict),
  Type.Object({ kind: Type.Literal('unix'), path: Type.String({ minLength: 1 }) }, Strict),
  Type.Object(
    { kind: Type.Literal('exec'), argv: Type.Array(Type.String(), { minItems: 1, maxItems: 64 }) },
    Strict,
  ),
  Type.Object({ kind: Type.Literal('listen') }, Strict),
]);
export type VmEndpoint = Static<typeof VmEndpoint>;

export const AddVmRequest = Type.Object(
  {
    name: VmName,
    endpoint: VmEndpoint,
    token: Type.Optional(Type.String({ maxLength: 1024 })),
    /** No TLS: the channel itself is trusted. */
    trustCarrier: Type.Optional(Type.Boolean()),
  },
  Strict,
);
export type AddVmRequest = Static<typeof AddVmRequest>;

export const ErrorBody = Type.Object({ code: Type.String(), message: Type.String(), help: Type.String() });
export type ErrorBody = Static<typeof ErrorBody>;

export const VmView = Type.Object({
  name: Type.String(),
  endpoint: VmEndpoint,
  /** connecting, up, interrupted, failed, waiting (for the machine to dial in). */
  state: Type.Union([
    Type.Literal('connecting'),
    Type.Literal('up'),
    Type.Literal('interrupted'),
    Type.Literal('failed'),
    Type.Literal('waiting'),
  ]),
  sinceMs: Type.Number(),
  trustCarrier: Type.Boolean(),
  fingerprint: Nullable(Type.String()),
  tlsGroup: Nullable(Type.String()),
  tlsCipher: Nullable(Type.String()),
  peer: Nullable(
    Type.Object({
      hostName: Type.String(),
      platform: Type.String(),
      buildId: Type.String(),
      protocolVersion: Type.Integer(),
    }),
  ),
  roundTripMs: Nullable(Type.Number()),
  sentBytes: Type.Number(),
  resentBytes: Type.Number(),
  receivedBytes: Type.Number(),
  reconnects: Type.Number(),
  error: Nullable(ErrorBody),
});
export type VmView = Static<typeof VmView>;

export const StartJobRequest = Type.Object(
  {
    /** Which way: `in` from the host into the machine, `out` from the machine to the host. */
    direction: Type.Union([Type.Literal('in'), Type.Literal('out')]),
    vm: VmName,
    /** Absolute on the host; on the machine absolute or relative to the agent's home. */
    sources: Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), { minItems: 1, maxItems: 1000 }),
    destination: Type.String({ minLength: 1, maxLength: 4096 }),
    chunkBytes: Type.Optional(Type.Integer({ minimum: 65536, maximum: 4194304 })),
    lanes: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 })),
    /** Also copies files that the destination has with the same size and modification time. */
    ignoreTimes: Type.Optional(Type.Boolean()),
    /** Bytes of files that are sent in a second at most, on average. */
    limitBytesPerSecond: Type.Optional(Type.Integer({ minimum: 1024, maximum: 2 ** 40 })),
  },
  Strict,
);
export type StartJobRequest = Static<typeof StartJobRequest>;

export const Side = Type.Union([Type.Literal('host'), Type.Literal('guest')]);

export const StageView = Type.Object({
  side: Side,
  stage: Type.String(),
  bytes: Type.Number(),
  busyMs: Type.Number(),
});

export const JobState = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('running'),
  Type.Literal('done'),
  Type.Literal('partial'),
  Type.Literal('failed'),
  Type.Literal('interrupted'),
  Type.Literal('cancelled'),
]);
export type JobState = Static<typeof JobState>;

export const JobView = Type.Object({
  id: Type.String(),
  state: JobState,
  /** planning, checking, copying, finishing, done; `waiting` while the machine is not connected. */
  phase: Type.String(),
  direction: Type.Union([Type.Literal('in'), Type.Literal('out')]),
  vm: Type.String(),
  sources: Type.Array(Type.String()),
  destination: Type.String(),
  createdAtMs: Type.Number(),
  endedAtMs: Nullable(Type.Number()),
  elapsedMs: Type.Number(),
  plannedEntries: Type.Number(),
  plannedBytes: Type.Number(),
  doneEntries: Type.Number(),
  sentBytes: Type.Number(),
  receivedBytes: Type.Number(),
  durableBytes: Type.Number(),
  /** Bytes that were there from earlier attempts when the current one began. */
  recoveredBytes: Type.Number(),
  /** Durable ÷ planned; null while planning; 100 only after everything is verified and in place. */
  percent: Nullable(Type.Number()),
  rateBytesPerSecond: Type.Number(),
  remainingMs: Nullable(Type.Object({ low: Type.Number(), high: Type.Number() })),
  limitingStage: Nullable(Type.Object({ side: Side, stage: Type.String(), share: Type.Number() })),
  stages: Type.Array(StageView),
  stall: Nullable(
    Type.Object({
      side: Side,
      stage: Type.String(),
      forMs: Type.Number(),
      cause: Type.String(),
      fix: Type.String(),
    }),
  ),
  attempts: Type.Integer(),
  /** Why the attempt before the current one ended. */
  lastError: Nullable(ErrorBody),
  problems: Type.Array(Type.Object({ path: Type.String(), code: Type.String(), message: Type.String() })),
  error: Nullable(ErrorBody),
  /** What is worth knowing though it takes nothing from the result: damage that was repaired, data that are removed later. */
  note: Nullable(Type.String()),
});
export type JobView = Static<typeof JobView>;

export const StatusView = Type.Object({
  version: Type.String(),
  buildId: Type.String(),
  protocolVersion: Type.Integer(),
  pid: Type.Integer(),
  uptimeMs: Type.Number(),
  dataDirectory: Type.String(),
  fingerprint: Type.String(),
  listen: Nullable(Type.String()),
  residentBytes: Type.Number(),
  peakResidentBytes: Type.Number(),
  vms: Type.Array(VmView),
  activeJobs: Type.Array(JobView),
});
export type StatusView = Static<typeof StatusView>;

export const PairRequest = Type.Object(
  {
    /** Address that the machine can reach this host at, for the token. */ addresses: Type.Array(
      Type.String(),
      { maxItems: 8 },
    ),
  },
  Strict,
);
export type PairRequest = Static<typeof PairRequest>;

export const PairView = Type.Object({
  token: Type.String(),
  expiresAtMs: Type.Number(),
  fingerprint: Type.String(),
});
export type PairView = Static<typeof PairView>;
