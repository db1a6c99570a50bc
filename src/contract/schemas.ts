import { type Static, Type } from 'typebox';
import { DirectMode, DirectView, ErrorBody, Nullable, PartView } from './part_schemas.ts';

/* The local API of the daemon: JSON over HTTP/1.1 on a Unix socket. Times are ms since 1970 UTC, sizes bytes. */

const Strict = { additionalProperties: false } as const;

export const VmName = Type.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$' });

/** An agent that `vm add --ssh` has installed in `agentDirectory` (absolute) and that the host's ssh starts. */
export const SshEndpoint = Type.Object(
  {
    kind: Type.Literal('ssh'),
    /** No leading hyphen: ssh would take it for an option. */
    host: Type.String({ pattern: '^[A-Za-z0-9_.:%\\[\\]][A-Za-z0-9_.:%\\[\\]-]{0,252}$' }),
    user: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_.][A-Za-z0-9_.@$-]{0,63}$' })),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535 })),
    /** A private key of the host, absolute. */
    identity: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
    /** As after `ssh -o`: `ProxyJump=gate`. */
    options: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9]{1,63}=', maxLength: 4096 }), { maxItems: 32 }),
    ),
    agentDirectory: Type.String({ pattern: '^/[^\\x00-\\x1f]*$', maxLength: 1024 }),
  },
  Strict,
);
export type SshEndpoint = Static<typeof SshEndpoint>;

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
  SshEndpoint,
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

export const Weight = Type.Integer({ minimum: 1, maximum: 100 });

export const SetVmRequest = Type.Object({ weight: Type.Optional(Weight) }, Strict);
export type SetVmRequest = Static<typeof SetVmRequest>;

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
  /** What its copies get together beside those of other machines, where the daemon has a rate. */
  weight: Weight,
  fingerprint: Nullable(Type.String()),
  /** The key that the agent is to change to: trusted as well until it was seen. */
  nextFingerprint: Nullable(Type.String()),
  /** The key of this host that the machine knows; null on a trusted carrier. A former one is shown until then. */
  hostKey: Nullable(
    Type.Object({ fingerprint: Type.String(), isCurrent: Type.Boolean(), untilMs: Nullable(Type.Number()) }),
  ),
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

/** `HH:MM-HH:MM`, over midnight where the end is before the start; `24:00` is a possible end. */
const TIME_WINDOW_PATTERN = '^([01]\\d|2[0-3]):[0-5]\\d-(([01]\\d|2[0-3]):[0-5]\\d|24:00)$';

/** `in` from the host into the machine, `out` from the machine to the host, `between` from another machine into the machine. */
export const Direction = Type.Union([Type.Literal('in'), Type.Literal('out'), Type.Literal('between')]);

/** Of copies to several machines that were asked for together. */
export const GroupId = Type.String({ pattern: '^g[0-9a-f]{8}$' });

/** Of files that a browser or a program has sent to the daemon, to be copied. */
export const UploadId = Type.String({ pattern: '^u[0-9a-f]{16}$' });

export const TrafficClass = Type.Union([Type.Literal('bulk'), Type.Literal('background')]);

/** What a copy is, but for the machine that it goes to. */
const CopyWish = {
  direction: Direction,
  /** The machine that has the sources, for `between` only. */
  fromVm: Type.Optional(VmName),
  /** Absolute on the host; on a machine absolute or relative to the agent's home. */
  sources: Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), { minItems: 1, maxItems: 1000 }),
  destination: Type.String({ minLength: 1, maxLength: 4096 }),
  /** Id of an upload that has the sources; these are names at the top of it, and the copy goes `in`. */
  upload: Type.Optional(UploadId),
  chunkBytes: Type.Optional(Type.Integer({ minimum: 65536, maximum: 4194304 })),
  lanes: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 })),
  /** Also copies files that the destination has with the same size and modification time. */
  ignoreTimes: Type.Optional(Type.Boolean()),
  /** Files of the same size and time are read on both sides and compared by their contents. */
  checksum: Type.Optional(Type.Boolean()),
  /**
   * A folder with an earlier copy, beside the destination and on its file system, a path as the destination: files that it
   * has as planned become hard links to it, other versions of them save bytes.
   */
  linkDest: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
  /** Sends changed files in whole, without taking unchanged parts from what the destination has. */
  wholeFile: Type.Optional(Type.Boolean()),
  /**
   * Whether what the copy replaces is kept, so that it can be undone; `auto`, the default: as far as it can be; `require`:
   * what cannot be kept is not replaced.
   */
  undo: Type.Optional(Type.Union([Type.Literal('auto'), Type.Literal('off'), Type.Literal('require')])),
  /**
   * Whether the destination's side copies by itself where it reaches the files of the source; `auto`, the default: where it
   * can; `always`: the copy is refused where it cannot.
   */
  direct: Type.Optional(DirectMode),
  /**
   * zstd: a level from 1 (fastest) to 19 (smallest), or `auto`, the default: as it pays, which is not at
   * all where the link is faster than the compressor. What does not get smaller is sent as it is.
   */
  compress: Type.Optional(
    Type.Union([Type.Literal('auto'), Type.Literal('off'), Type.Integer({ minimum: 1, maximum: 19 })]),
  ),
  /** `archive`: few bytes come before little work. Strong compression, and messages as large as may be. */
  profile: Type.Optional(Type.Literal('archive')),
  /** Bytes that are sent in a second at most, on average, as they travel: compressed where they are. */
  limitBytesPerSecond: Type.Optional(Type.Integer({ minimum: 1024, maximum: 2 ** 40 })),
  /** Whether entries keep owner and group; `auto`, the default: where the destination's process is root. */
  owner: Type.Optional(Type.Union([Type.Literal('auto'), Type.Literal('keep'), Type.Literal('none')])),
  /** Other owners: entries of the user or group `from` (absent: any without a rule of its own) get `to`. */
  idMappings: Type.Optional(
    Type.Array(
      Type.Object(
        {
          kind: Type.Union([Type.Literal('user'), Type.Literal('group')]),
          from: Type.Optional(Type.Integer({ minimum: 0, maximum: 4294967294 })),
          to: Type.Integer({ minimum: 0, maximum: 4294967294 }),
        },
        Strict,
      ),
      { maxItems: 64 },
    ),
  ),
  /** Entries that are passed over in each source, by patterns as in a .gitignore at the top of it. */
  exclude: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 256 })),
  /** Deletes in the folders of the copy what the source, one folder, does not have; kept for undo as what is replaced. */
  delete: Type.Optional(Type.Boolean()),
  /** What becomes of entries whose names the destination cannot hold; `fail`, the default: nothing is copied. */
  onClash: Type.Optional(Type.Union([Type.Literal('fail'), Type.Literal('rename'), Type.Literal('skip')])),
  /** Copies of higher priority start first; default 0. */
  priority: Type.Optional(Type.Integer({ minimum: -10, maximum: 10 })),
  /** What it gets beside other running copies of its class: bytes in proportion to the weights; default 1. */
  weight: Type.Optional(Weight),
  /** `background` gets what `bulk`, the default, leaves, and at least one byte in five. */
  trafficClass: Type.Optional(TrafficClass),
  /** How often a copy that failed in a way that may pass is tried again; default 0. */
  retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  /** Times of day, local time of the host, in which the copy may run; none means always. */
  windows: Type.Optional(Type.Array(Type.String({ pattern: TIME_WINDOW_PATTERN }), { maxItems: 8 })),
};

export const StartJobRequest = Type.Object(
  {
    ...CopyWish,
    vm: VmName,
    /** The copies that were asked for together with this one: see StartGroupRequest. */
    group: Type.Optional(GroupId),
  },
  Strict,
);
export type StartJobRequest = Static<typeof StartJobRequest>;

/** The same copy to several machines: one job for each; what is read at the host is read once. Not for `out`. */
export const StartGroupRequest = Type.Object(
  { ...CopyWish, vms: Type.Array(VmName, { minItems: 1, maxItems: 64, uniqueItems: true }) },
  Strict,
);
export type StartGroupRequest = Static<typeof StartGroupRequest>;

/** `source` is the machine that has the sources of a copy between two machines; `guest` is then the other one. */
export const Side = Type.Union([Type.Literal('host'), Type.Literal('guest'), Type.Literal('source')]);

export const StageView = Type.Object({
  side: Side,
  stage: Type.String(),
  bytes: Type.Number(),
  busyMs: Type.Number(),
  /** Idle while a stage before it on the same side worked: it had nothing to do yet. */
  starvedMs: Type.Optional(Type.Number()),
  /** Idle while only stages behind it on the same side worked: they did not take what it had. */
  blockedMs: Type.Optional(Type.Number()),
  /** Bytes per second of busy time; null where it was not busy. */
  rateBytesPerSecond: Type.Optional(Nullable(Type.Number())),
});

/** waiting: for its turn or for what `waiting` of the job tells; the last five are ends, of which `interrupted` can be resumed. */
export const JobState = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('running'),
  Type.Literal('paused'),
  Type.Literal('done'),
  Type.Literal('partial'),
  Type.Literal('failed'),
  Type.Literal('interrupted'),
  Type.Literal('cancelled'),
]);
export type JobState = Static<typeof JobState>;

export const WaitReason = Type.Union([
  /** As many copies run as may. */
  Type.Literal('turn'),
  /** The machine is not connected. */
  Type.Literal('machine'),
  /** It is outside of the job's time windows. */
  Type.Literal('window'),
  /** It failed and is tried again later. */
  Type.Literal('retry'),
  /** The same copy ends just now. */
  Type.Literal('same-copy'),
]);
export type WaitReason = Static<typeof WaitReason>;

/** What undo holds of a copy, or did with it. */
export const UndoView = Type.Object({
  /** `kept`: it can be undone; `running`: it is undone as soon as its machine answers; `partial`: some entries were left. */
  state: Type.Union([
    Type.Literal('kept'),
    Type.Literal('running'),
    Type.Literal('done'),
    Type.Literal('partial'),
    Type.Literal('failed'),
  ]),
  /** Entries that were replaced and are kept, and what they take. */
  kept: Type.Number(),
  bytes: Type.Number(),
  /** Entries where nothing stood before. */
  made: Type.Number(),
  /** Files of which only owner, mode or attributes changed. */
  changed: Type.Number(),
  /** Entries that were replaced and could not be kept; all behind a used-up quota count as one. */
  missing: Type.Number(),
  missingFrom: Nullable(Type.String()),
  /** When what is kept is removed. */
  untilMs: Type.Number(),
  /** Of the undo: entries that are as before, and entries that the copy had made and that are gone. */
  restored: Type.Number(),
  removed: Type.Number(),
  /** Entries that were left, with the reason; the first 1,000. */
  problems: Type.Array(Type.Object({ path: Type.String(), code: Type.String(), message: Type.String() })),
  problemCount: Type.Number(),
  /** Why it failed, or why it waits. */
  error: Nullable(ErrorBody),
});
export type UndoView = Static<typeof UndoView>;

export const JobView = Type.Object({
  id: Type.String(),
  state: JobState,
  /** planning, checking, copying, finishing, done; `waiting` while it waits in the queue or for the machine; `paused`. */
  phase: Type.String(),
  direction: Direction,
  vm: Type.String(),
  /** Only for a copy between two machines. */
  fromVm: Type.Optional(Type.String()),
  /** Only for a copy to several machines. */
  group: Type.Optional(Type.String()),
  /** Only for a copy of an upload; `sources` are names in it. */
  upload: Type.Optional(Type.String()),
  sources: Type.Array(Type.String()),
  destination: Type.String(),
  priority: Type.Integer(),
  /** Where another one than 1 was asked for. */
  weight: Type.Optional(Weight),
  /** Where another one than `bulk` was asked for. */
  trafficClass: Type.Optional(TrafficClass),
  windows: Type.Array(Type.String()),
  retries: Type.Object({ max: Type.Integer(), used: Type.Integer() }),
  /** Why a waiting job does not run, in words too; `untilMs` where the time is known. */
  waiting: Nullable(
    Type.Object({ reason: WaitReason, text: Type.String(), untilMs: Nullable(Type.Number()) }),
  ),
  createdAtMs: Type.Number(),
  endedAtMs: Nullable(Type.Number()),
  /** How long it has run; time in the queue and in a pause is not counted. */
  elapsedMs: Type.Number(),
  plannedEntries: Type.Number(),
  plannedBytes: Type.Number(),
  doneEntries: Type.Number(),
  sentBytes: Type.Number(),
  receivedBytes: Type.Number(),
  /** Did not travel: the destination had it in another version of the file. Of the last attempt. */
  reusedBytes: Type.Number(),
  /** Did not travel: zeros, which become holes where the destination has those. Of the last attempt. */
  zeroBytes: Type.Number(),
  /** What compression did, bytes of files; null where the source does not compress. */
  compression: Type.Optional(
    Nullable(
      Type.Object({
        /** The highest level that was used; 0: none. */
        level: Type.Integer(),
        /** What was compressed, and what it became on the wire. */
        beforeBytes: Type.Number(),
        afterBytes: Type.Number(),
        /** Went as it is: it does not get smaller, or the link is faster than the compressor. */
        skippedBytes: Type.Number(),
      }),
    ),
  ),
  /** What was copied without the link, of the last attempt; null where nothing was to be. */
  direct: Type.Optional(Nullable(DirectView)),
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
  /** Why it is as fast as it is, or stands still; after the end, what limited it or made it fail. */
  explanation: Type.Optional(
    Nullable(
      Type.Object({
        /** The cause, as docs/explain.md lists it. */
        id: Type.String(),
        kind: Type.Union([Type.Literal('stalled'), Type.Literal('waiting'), Type.Literal('slow')]),
        side: Side,
        stage: Type.String(),
        /** Share of the time looked at, 0 to 1. */
        share: Type.Number(),
        cause: Type.String(),
        evidence: Type.String(),
        fix: Type.String(),
        /** The figures in these texts, by name: durations, sizes and shares as text. */
        figures: Type.Optional(Type.Record(Type.String(), Type.String())),
      }),
    ),
  ),
  attempts: Type.Integer(),
  /** Why the attempt before the current one ended. */
  lastError: Nullable(ErrorBody),
  problems: Type.Array(Type.Object({ path: Type.String(), code: Type.String(), message: Type.String() })),
  error: Nullable(ErrorBody),
  /** What is worth knowing though it takes nothing from the result: damage that was repaired, data that are removed later. */
  note: Nullable(Type.String()),
  /** Null where nothing was kept, as far as is known. */
  undo: Nullable(UndoView),
});
export type JobView = Static<typeof JobView>;

export const UndoJobRequest = Type.Object(
  {
    /** False: only wait for the undo that goes on. Default true. */
    begin: Type.Optional(Type.Boolean()),
    /** How long to wait for the end of the undo; default 0. The job tells whether it goes on. */
    waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 30_000 })),
  },
  Strict,
);
export type UndoJobRequest = Static<typeof UndoJobRequest>;

export const ListJobsRequest = Type.Object(
  {
    state: Type.Optional(Type.Array(JobState, { maxItems: 8 })),
    vm: Type.Optional(VmName),
    group: Type.Optional(GroupId),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
    /** `nextCursor` of the page before. */
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
  },
  Strict,
);
export type ListJobsRequest = Static<typeof ListJobsRequest>;

/** A copy to several machines. */
export const GroupView = Type.Object({
  id: Type.String(),
  /** One for each machine, as they were named. */
  jobs: Type.Array(JobView),
  /** All jobs have ended. */
  ended: Type.Boolean(),
  /** Bytes read at the source, all jobs together: where they share their reads about the size of the source. */
  readBytes: Type.Number(),
  sentBytes: Type.Number(),
});
export type GroupView = Static<typeof GroupView>;

/** Newest jobs first. */
export const JobPage = Type.Object({
  jobs: Type.Array(JobView),
  /** For the page of older jobs; null on the last page. */
  nextCursor: Nullable(Type.String()),
});
export type JobPage = Static<typeof JobPage>;

/** Where the console and the API are served by HTTPS. */
export const WebView = Type.Object({
  url: Type.String(),
  /** Page on which the first administrator chooses name and password; null once there is one, and for who asks from afar. */
  welcomeUrl: Nullable(Type.String()),
  /** SHA-256 of the certificate, lower-case hex: a browser shows it too. */
  certificateFingerprint: Type.String(),
});
export type WebView = Static<typeof WebView>;

export const StatusView = Type.Object({
  version: Type.String(),
  buildId: Type.String(),
  protocolVersion: Type.Integer(),
  pid: Type.Integer(),
  uptimeMs: Type.Number(),
  dataDirectory: Type.String(),
  fingerprint: Type.String(),
  /** The first key of this host: what is named after it keeps its name when the key is changed. */
  deviceId: Type.String(),
  listen: Nullable(Type.String()),
  web: Nullable(WebView),
  /** What the copies share in each direction, less a tenth; null: as fast as it goes. */
  limitBytesPerSecond: Nullable(Type.Number()),
  residentBytes: Type.Number(),
  peakResidentBytes: Type.Number(),
  /** Those that this daemon has. */
  parts: Type.Array(PartView),
  vms: Type.Array(VmView),
  /** Jobs that have not ended, the longest waiting last; at most 100. */
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
