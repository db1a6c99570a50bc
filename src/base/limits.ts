/** One named limit: its value, its unit, and why it has that size. docs/limits.md is generated from this table. */
export interface Limit {
  readonly value: number;
  readonly unit: 'bytes' | 'ms' | 'count';
  readonly why: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;

const bytes = (value: number, why: string): Limit => ({ value, unit: 'bytes', why });
const ms = (value: number, why: string): Limit => ({ value, unit: 'ms', why });
const count = (value: number, why: string): Limit => ({ value, unit: 'count', why });

/** Every queue, frame, retry, buffer and cache of the program has its bound here. */
export const LIMITS = {
  // wire
  frameMaxBytes: bytes(
    4 * MIB + 4 * KIB,
    'largest mux message: a 4 MiB chunk and its header; it crosses the link in frames of at most 1 MiB',
  ),
  sessionRecordMaxBytes: bytes(2 * MIB, 'largest record of the session layer'),
  messageMaxBytes: bytes(MIB, 'largest control message (CBOR)'),
  cborDepthMax: count(16, 'nesting of a control message; deeper input is hostile'),
  cborItemsMax: count(
    131_072,
    'values and keys in one control message: bounds the memory that one hostile megabyte can cost',
  ),
  helloMaxBytes: bytes(4 * KIB, 'handshake message before the peer is known'),
  journalRecordMaxBytes: bytes(
    16 * KIB,
    'payload of one journal record: two paths of the longest kind and what names them',
  ),
  pathMaxBytes: bytes(4096, 'PATH_MAX of Linux'),
  nameMaxBytes: bytes(255, 'NAME_MAX of Linux'),
  // link
  streamsMax: count(1024, 'open streams of one link that one side opened'),
  streamSendQueueMax: count(1024, 'messages of one stream that wait for credit or for the link'),
  frameQuantumMinBytes: bytes(16 * KIB, 'smallest full frame of a message, on a slow carrier'),
  frameQuantumMaxBytes: bytes(
    MIB + 4 * KIB,
    'largest frame of a message, a chunk with its header: what a control message may have to wait for, twice',
  ),
  muxHeldMaxBytes: bytes(
    128 * MIB,
    'messages of all streams of a link that are received, or begun, and not released; a stream that would exceed it is reset',
  ),
  muxCreditRaisedMaxBytes: bytes(64 * MIB, 'credit of all streams of a link beyond their first'),
  openingsHeldMaxBytes: bytes(8 * MIB, 'opening bytes of streams that nobody has accepted yet'),
  bufferPoolMaxBytes: bytes(32 * MIB, 'free message buffers that a mux keeps'),
  reasonMaxBytes: bytes(2 * KIB, 'encoded error that ends a stream or a session'),
  streamCreditBytes: bytes(256 * KIB, 'first receive credit of a stream'),
  streamCreditMaxBytes: bytes(8 * MIB, 'receive credit of a bulk stream once it has shown that it is used'),
  sessionWindowMinBytes: bytes(
    64 * KIB,
    'unacknowledged bytes of a session right after a cut: what a flaky link can lose',
  ),
  sessionWindowStartBytes: bytes(MIB, 'unacknowledged bytes of a fresh session'),
  sessionWindowMaxBytes: bytes(8 * MIB, 'unacknowledged bytes of a session that has not been cut for long'),
  sessionWindowGrowAfterBytes: bytes(
    64 * MIB,
    'acknowledged bytes without a cut after which the window doubles',
  ),
  sessionRecordTargetBytes: bytes(
    256 * KIB,
    'payload after which a session record ends where it carries its own CRC: what one flipped bit costs',
  ),
  sessionBatchMaxBytes: bytes(MIB + 8 * KIB, 'reliable bytes handed to the carrier in one write'),
  sessionAckEveryBytes: bytes(
    512 * KIB,
    'the sender asks for an acknowledgement after this much at the latest (a quarter of the window where that is less)',
  ),
  sessionAckDelayMs: ms(5, 'received bytes are acknowledged after this long when the sender did not ask'),
  sessionCloseGraceMs: ms(500, 'how long a closing session tries to tell the peer why'),
  sessionKeepMs: ms(120_000, 'how long the accepting side keeps a session whose carrier is gone'),
  sessionsKeptMax: count(64, 'sessions without a carrier that are kept for resumption'),
  heartbeatIntervalMs: ms(1_000, 'a ping is sent when nothing was for this long'),
  heartbeatTimeoutMs: ms(3_000, 'silence after which the peer is dead (L4)'),
  handshakeTimeoutMs: ms(5_000, 'time for TLS and hello on a new carrier'),
  reconnectMinMs: ms(50, 'first wait before a new attempt to connect'),
  reconnectMaxMs: ms(2_000, 'longest wait between attempts to connect'),
  connectTimeoutMs: ms(5_000, 'time for one attempt to connect'),
  connBufferMaxBytes: bytes(
    256 * KIB,
    'received bytes of a connection that nobody has read yet; beyond, the sender waits',
  ),
  closeGraceMs: ms(250, 'how long a close waits for its end mark to leave before the connection is dropped'),
  execStderrMaxBytes: bytes(8 * KIB, 'last words of a carrier command that are kept for the error text'),
  execEndGraceMs: ms(1_000, 'how long the end of a carrier command waits for its exit code and last words'),
  execKillGraceMs: ms(1_000, 'time a carrier command has to end after SIGTERM before it gets SIGKILL'),
  devicePollMaxMs: ms(10, 'longest wait between two looks at an idle serial device'),
  unixProbeTimeoutMs: ms(1_000, 'time for an answer that shows whether a socket file is in use'),
  unauthenticatedMax: count(32, 'accepted connections that have not finished their handshake'),
  pairTokenTtlMs: ms(15 * 60_000, 'life of an unused pairing token'),
  pairTokensMax: count(32, 'unused pairing tokens at one time'),
  pairTokensRememberedMax: count(
    64,
    'used and expired pairing tokens that are still told apart from unknown ones',
  ),
  pairTokenMaxBytes: bytes(4 * KIB, 'text of one pairing token'),
  pairTokenAddressesMax: count(8, 'addresses in one pairing token'),
  pinnedPeersMax: count(2_000, 'pinned keys of one device'),
  stateFileMaxBytes: bytes(4 * MIB, 'file of pinned keys, of the own identity, of users or of sessions'),
  linksPerPeerMax: count(64, 'accepted links of one peer: its control link and its lanes'),
  linksWaitingMax: count(64, 'accepted links that nobody has taken yet'),
  serialSyncIntervalMs: ms(
    200,
    'how often the host repeats the preamble on a serial port until the guest answers',
  ),
  serialReadBytes: bytes(4 * KIB, 'read buffer while a serial port is scanned for the preamble'),
  offloadThreadsMax: count(6, 'threads of a process for work on disks'),
  offloadQueueMax: count(4_096, 'pieces of work on disks that wait for a thread'),
  // transfer
  chunkMinBytes: bytes(64 * KIB, 'smallest chunk (T1)'),
  chunkDefaultBytes: bytes(MIB, 'chunk of a large file'),
  chunkMaxBytes: bytes(4 * MIB, 'largest chunk (T1)'),
  deltaChunkMinBytes: bytes(KIB, 'smallest chunk that a chunker is asked for'),
  deltaChunksMax: count(
    2 ** 20,
    'chunks of one version of a file in a delta: larger files are cut into larger chunks, so that a list takes at most 36 MiB',
  ),
  deltaChainMax: count(
    32,
    'chunks of a seed looked at for one chunk: more share the start of their hash only where somebody made them so',
  ),
  deltaFileMinBytes: bytes(
    256 * KIB,
    'a file below this size is sent in whole: finding out what changed would cost as much',
  ),
  deltaCutBytes: bytes(32 * MIB, 'what of a file is cut into pieces and hashed in one piece of work'),
  deltaBasesMax: count(
    4,
    'files of a copy whose earlier versions are compared at the same time: bounds the memory for their pieces',
  ),
  basePagePieces: count(8_192, 'pieces of an earlier version in one control message'),
  patchSegmentsMax: count(8_192, 'segments of a chunk that is put together from an earlier version'),
  holeMinBytes: bytes(16 * KIB, 'zeros of at least this length become a hole; shorter ones are written'),
  sparseRangesMax: count(
    2 ** 20,
    'holes of one file that are remembered (16 MiB); zeros beyond them are copied as data',
  ),
  holeProbeEveryBytes: bytes(
    16 * MIB,
    'where a hole is only probed, a block is read at least this often, besides both of its ends',
  ),
  indexFilesMax: count(
    2_000_000,
    'files that the index of one side remembers; the longest unused are forgotten',
  ),
  indexChunkListsMaxBytes: bytes(256 * MIB, 'chunk lists that the index of one side keeps, all together'),
  indexBatchFiles: count(512, 'files that are looked up or remembered with one statement'),
  indexRacyMarginMs: ms(
    2_000,
    'a file that changed this shortly before it was read may have changed again with the same time: it is read again next time',
  ),
  indexUseGranularityMs: ms(
    24 * 3_600_000,
    'how exactly the index knows when a file was last looked up: finer would write at every look-up',
  ),
  compressSampleBytes: bytes(4 * KIB, 'one sample of a chunk, compressed to see whether it pays'),
  compressSkipChunksMax: count(
    32,
    'chunks of one file that go uncompressed and unsampled after others of it did not get smaller',
  ),
  xattrsMaxBytes: bytes(
    64 * KIB,
    'names and values of the extended attributes of one entry; of one with more they are listed as not copied',
  ),
  xattrsPerEntryMax: count(256, 'extended attributes of one entry, as above'),
  idMappingsMax: count(64, 'rules of one copy that give entries another user or group'),
  hardLinksMax: count(
    1_000_000,
    'files with several names of which one copy remembers where the first is; further ones travel once for each name',
  ),
  packMaxBytes: bytes(MIB, 'small files that travel in one message, together'),
  packFilesMax: count(512, 'small files that travel in one message'),
  packFoldersMax: count(64, 'folders of the small files that are read or published in one piece of work'),
  smallFileMaxBytes: bytes(128 * KIB, 'a file up to this size travels in a pack'),
  laneBuffersMax: count(16, 'idle chunk buffers that a lane keeps'),
  journalReadBytes: bytes(MIB, 'piece of a journal that is read at a time'),
  chunksPerFileMax: count(2 ** 24, 'chunks of one file: 1 TiB in the smallest, 64 TiB in the largest chunks'),
  finishBacklogFiles: count(4_096, 'complete files that wait for their finish before the lanes pause'),
  lanesMax: count(16, 'lanes of one transfer (T1)'),
  unflushedMaxBytes: bytes(
    32 * MIB,
    'bytes written at the destination and not flushed yet: what a power cut can cost',
  ),
  sendWindowMaxBytes: bytes(
    48 * MIB,
    'bytes sent and not known durable: with the flush window, what a kill can cost (T2: 64 MiB)',
  ),
  sendWindowMaxFiles: count(
    16_384,
    'files begun and not in place yet at the source: bytes say nothing about how many tiny files are under way',
  ),
  changedFoldersMax: count(
    4_096,
    'folders with new names that wait for their flush while folders and symbolic links are made',
  ),
  sharedReadWindowBytes: bytes(
    32 * MIB,
    'what copies of the same sources to several machines keep of their reads for each other',
  ),
  sharedReadStartMs: ms(2_000, 'how long copies of the same sources wait for each other before they begin'),
  sharedReadPatienceMs: ms(
    1_000,
    'how long the foremost of several copies of the same sources waits, in all, for one that is behind: then that one reads by itself',
  ),
  verifyAtOnceMax: count(2, 'runs of chunks of one file that are read back at the same time'),
  verifyRunBytes: bytes(4 * MIB, 'chunks in a row that are read back in one piece of work'),
  flushAllFromFiles: count(
    16,
    'files from which on one flush of the whole file system is cheaper than one for each',
  ),
  publishBatchesMax: count(2, 'groups of complete files that are finished at the same time'),
  flushIntervalMs: ms(
    500,
    'bytes that were written this long ago are flushed although the window is not full',
  ),
  publishBatchFiles: count(2_048, 'complete files that are flushed, verified and renamed together'),
  sourcesMax: count(1_000, 'sources named in one copy'),
  haveChunksMax: count(8_192, 'chunks listed in one message of what the destination has'),
  manifestPageEntries: count(512, 'entries in one page of the plan'),
  skipBitsMaxBytes: bytes(
    8 * KIB,
    'bits in one message of what is in place already: that many times eight entries',
  ),
  planKeptMaxBytes: bytes(
    1024 * MIB,
    'the plan of one copy as one side keeps it, compressed: ten million entries with names of the usual kind take a tenth',
  ),
  planPagesCached: count(8, 'pages of the plan that one side keeps decoded: it is worked off in order'),
  manifestEntriesMax: count(10_000_000, 'entries of one copy'),
  chunkRetriesMax: count(5, 'times a chunk is sent again because its hash did not match'),
  sourceChangedRetriesMax: count(3, 'times a file is read from the start because it changed meanwhile'),
  stallAfterMs: ms(10_000, 'no stage has moved a byte for this long: a stall (T11)'),
  progressIntervalMs: ms(200, 'how often counters cross the link while they change'),
  progressSlowIntervalMs: ms(
    1_800,
    'how much longer the source waits with its counters while next to nothing gets through',
  ),
  openDirsMax: count(64, 'folders a side of a transfer keeps open, besides those in use'),
  walkBatchEntries: count(1_024, 'entries of a folder whose attributes are asked for at the same time'),
  openFilesMax: count(256, 'files a side of a transfer keeps open'),
  farewellMs: ms(1_000, 'how long a failed copy tries to tell the other side why'),
  cancelGraceMs: ms(
    3_000,
    'how long a cancel waits for the other side before it answers without it (T11: 5 s)',
  ),
  partialKeepMs: ms(
    7 * 24 * 3_600_000,
    'an interrupted copy can be resumed for this long; then its partial data are removed',
  ),
  partialTransfersListMax: count(1_000, 'transfers in one .causeway folder that a cleaning pass looks at'),
  notesMax: count(16, 'notes of one copy: what was found amiss and repaired'),
  problemsListMax: count(1_000, 'entries listed by name as not copied; more are counted'),
  // daemon
  jobsKeptMax: count(5_000, 'finished jobs that are remembered'),
  jobsUnfinishedMax: count(10_000, 'jobs that run, wait or are paused'),
  jobsPageMax: count(500, 'jobs in one page of a listing'),
  jobsPageDefault: count(50, 'jobs in one page of a listing where no number is asked for'),
  jobsActiveShownMax: count(100, 'unfinished jobs shown with the status of the daemon'),
  jobPriorityMax: count(10, 'highest priority of a job; the lowest is its negative'),
  jobRetriesMax: count(100, 'retries that may be asked for with a job'),
  jobRetryMinMs: ms(5_000, 'first wait before a failed job is tried again'),
  jobRetryMaxMs: ms(600_000, 'longest wait before a failed job is tried again'),
  groupVmsMax: count(64, 'machines that one copy goes to'),
  jobWindowsMax: count(8, 'time windows of one job'),
  copiesPerVmMax: count(4, 'copies of one machine that run at the same time; more wait for their turn'),
  copiesMax: count(16, 'copies of one daemon that run at the same time; more wait for their turn'),
  queueRecheckMs: ms(
    5_000,
    'how often the queue looks at the clock while a job waits for a time: wall clocks are set, machines sleep',
  ),
  queueYieldMs: ms(
    15_000,
    'a copy whose machine is away for this long gives its place to one that waits, and is put back into the queue',
  ),
  databaseCallsMax: count(1_024, 'calls of one database that wait for their turn'),
  databaseBusyMs: ms(5_000, 'how long a database waits for another process that has it locked'),
  discardsPendingMax: count(256, 'cancelled copies of one machine whose remains are still to be removed'),
  discardRetryMinMs: ms(250, 'first wait before the remains of a cancelled copy are tried again'),
  discardRetryMaxMs: ms(30_000, 'longest wait between two tries to remove the remains of a cancelled copy'),
  discardTriesMax: count(
    300,
    'refused tries to remove the remains of a cancelled copy, about two hours, before the job says that they stay',
  ),
  apiBodyMaxBytes: bytes(MIB, 'request body of the local API'),
  apiEventsKept: count(1_000, 'events of one job kept for late readers'),
  vmsMax: count(1_000, 'machines of one daemon'),
  // users, sign-in and rights
  argonMemoryBytes: bytes(
    64 * MIB,
    'memory of one password check (RFC 9106 section 4, second recommended option)',
  ),
  argonPasses: count(3, 'passes of one password check over its memory (RFC 9106 section 4)'),
  argonLanes: count(1, 'lanes of one password check: they would be worked off one after the other'),
  passwordMinCharacters: count(12, 'shortest password'),
  passwordMaxBytes: bytes(KIB, 'longest password: more would only cost time'),
  passwordChecksMax: count(2, 'password checks at the same time: each takes memory and a thread'),
  passwordChecksWaitingMax: count(32, 'password checks that wait for their turn'),
  totpStepMs: ms(30_000, 'life of one code of an authenticator (RFC 6238)'),
  totpStepsAround: count(
    1,
    'codes before and after the current one that are accepted (RFC 6238 section 5.2)',
  ),
  recoveryCodesMax: count(10, 'recovery codes of one user'),
  usersMax: count(500, 'users of one daemon'),
  tokensMax: count(2_000, 'API tokens of one daemon'),
  tokenLifeMaxMs: ms(366 * 24 * 3_600_000, 'longest life of an API token'),
  grantsMax: count(16, 'grants of one user or token'),
  grantItemsMax: count(32, 'scopes, paths of a scope, or addresses of one grant'),
  oneTimeLinksMax: count(64, 'unused one-time links'),
  oneTimeLinkLifeMs: ms(24 * 3_600_000, 'life of an unused one-time link'),
  loginSessionsMax: count(2_000, 'signed-in browsers of one daemon'),
  loginSessionsPerUserMax: count(16, 'signed-in browsers of one user; the oldest is signed out'),
  loginSessionIdleMs: ms(3_600_000, 'a signed-in browser that asks nothing for this long is signed out'),
  loginSessionLifeMs: ms(12 * 3_600_000, 'a signed-in browser is signed out after this long in any case'),
  lastUseWriteMs: ms(60_000, 'how old the stored time of the last use of a session or token may be'),
  loginFailuresFreeMax: count(5, 'failed sign-ins of one address to one account before it has to wait'),
  loginAddressFreeMax: count(20, 'failed sign-ins of one address to any account before it has to wait'),
  loginAccountFreeMax: count(
    100,
    'failed sign-ins to one account from all addresses before those have to wait that never signed in to it',
  ),
  loginDelayMinMs: ms(1_000, 'first wait after too many failed sign-ins; each further one doubles it'),
  loginDelayMaxMs: ms(15 * 60_000, 'longest wait after failed sign-ins'),
  loginForgetMs: ms(3_600_000, 'failed sign-ins are forgotten after this long without another one'),
  loginCountersMax: count(10_000, 'accounts and addresses whose failed sign-ins are counted'),
  loginKnownAddressesMax: count(16, 'addresses of one account that are remembered as its own'),
  allowListMax: count(1_000, 'networks in the allow list'),
  // audit
  auditRecordMaxBytes: bytes(16 * KIB, 'one audit record: two paths of the longest kind and what names them'),
  auditSegmentMaxBytes: bytes(8 * MIB, 'audit records of one file'),
  auditSegmentMaxAgeMs: ms(
    24 * 3_600_000,
    'a new file of audit records begins after this long at the latest',
  ),
  auditBatchRecordsMax: count(1_024, 'audit records that are written and flushed together'),
  auditBatchMaxBytes: bytes(MIB, 'audit records that are written and flushed together'),
  auditQueueMax: count(10_000, 'audit records that wait to be written; beyond, operations are refused'),
  auditRetentionMinMs: ms(180 * 24 * 3_600_000, 'audit records are kept for this long at least (X3)'),
  auditHeadFlushMs: ms(
    1_000,
    'how often the note of where the audit log ends is flushed by itself: what can be cut off unseen after a power cut',
  ),
  auditSearchPageMax: count(1_000, 'audit records in one page of a search'),
  auditPauseRecords: count(1_000, 'audit records after which a check or search lets others run'),
  auditProblemsMax: count(1_000, 'places listed by a check of the audit log; more are counted'),
  auditShipMinMs: ms(5_000, 'shortest distance between copies of the audit log to its second place (X3)'),
  auditShipDefaultMs: ms(30_000, 'distance between copies of the audit log to its second place (X3)'),
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMITS;
