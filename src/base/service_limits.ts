import { bytes, count, KIB, type Limit, MIB, ms } from './limit.ts';

/** Limits of metrics, notifications and shares: a part of LIMITS. */
export const SERVICE_LIMITS = {
  // metrics
  metricSeriesMax: count(
    2_000,
    'series of one family of metrics that the daemon keeps; further ones are counted only',
  ),
  metricJobsSampleMs: ms(5_000, 'how often running copies are looked at for metrics and notifications'),
  metricDiskWaitMs: ms(
    1_000,
    'how long the free space of a folder is waited for; later it is left out of the metrics',
  ),
  metricUndoEveryMs: ms(30_000, 'how old the sums over all copies may be that metrics tell of undo'),
  // notifications
  notifiersMax: count(16, 'receivers of notifications of one daemon'),
  notifyQueueMax: count(
    100,
    'notifications that wait for one receiver; beyond, the oldest is dropped and counted as failed',
  ),
  notifyTriesMax: count(8, 'attempts to deliver one notification, over about four minutes'),
  notifyRetryMinMs: ms(2_000, 'first wait before a notification is tried again'),
  notifyRetryMaxMs: ms(60_000, 'longest wait between attempts to deliver a notification'),
  notifyPostMs: ms(10_000, 'time for one webhook to be taken'),
  notifyCommandMs: ms(
    30_000,
    'time for one run of a command; then it is killed with the processes it started',
  ),
  notifyWordsMaxBytes: bytes(
    2 * KIB,
    'of what a command wrote to its standard error, kept for the error text',
  ),
  notifyLinkDownMs: ms(60_000, 'how long a link that worked is down before somebody is notified'),
  auditCheckEveryMs: ms(24 * 3_600_000, 'how often the daemon checks its whole audit log by itself'),
  auditCheckFirstMs: ms(
    600_000,
    'how long after its start the daemon checks its audit log for the first time',
  ),
  // parts of the daemon
  partRestartMinMs: ms(
    250,
    'wait before a part of the daemon that has ended is started again; doubles each time',
  ),
  partRestartMaxMs: ms(30_000, 'longest such wait'),
  partSteadyMs: ms(60_000, 'after running for so long a part that ends waits the shortest time again'),
  smbStartMs: ms(15_000, 'how long Samba may take from its start to its first connection'),
  smbRestartMinMs: ms(1_000, 'first wait before Samba is started again after it has died'),
  smbRestartMaxMs: ms(
    60_000,
    'longest wait before Samba is started again; one that ran longer begins with the first',
  ),
  smbLookMs: ms(
    2_000,
    'how often the folders that are served by SMB are looked at: one that is gone is withdrawn',
  ),
  // files of the host
  filesListedMax: count(20_000, 'names of one folder that are looked at for one page of a list'),
  // shares
  sharesMax: count(256, 'shares of one daemon'),
  sharePort: count(7480, 'default port of the shares, on loopback'),
  smbPort: count(7445, 'default port of shares that are served by SMB, on loopback'),
  shareSignInsKnownMax: count(
    1_024,
    'passwords of shares that are known to be right, as keyed hashes in memory',
  ),
  shareSignInKnownMs: ms(300_000, 'the password of a share is checked in full again after that'),
  shareReadRecordEveryMs: ms(
    60_000,
    'how often the reads of one file of a share by one client are written into the audit log; those between are counted',
  ),
  shareReadsKnownMax: count(10_000, 'files and clients that are remembered for that'),
  httpConnectionsMax: count(512, 'connections of clients of the shares; further ones are closed'),
  httpHeadersMs: ms(60_000, 'a client of a share has sent the headers of a request by then'),
  httpIdleMs: ms(300_000, 'a connection of a client of a share on which no byte moves for so long is closed'),
  httpKeepAliveMs: ms(75_000, 'a connection of a client of a share is kept for its next request'),
  // change events
  shareEventsKept: count(
    20_000,
    'changes of one share that are kept for who reads on; an older index is refused',
  ),
  shareEventReadersMax: count(64, 'streams of changes of shares that are read at one time'),
  watchHintsMax: count(
    65_536,
    'hints of changes in one share between two looks; where more come, everything is looked at again',
  ),
  watchEntriesMax: count(300_000, 'files and folders of one share whose changes can be told'),
  watchFoldersOpenMax: count(64, 'folders that one watch has open at one time'),
  watchLooksAtOnceMax: count(16, 'names of a folder that one watch looks at together'),
  watchLookMs: ms(50, 'how often a watch asks the kernel for hints: how late a change may be told'),
  watchRootLookMs: ms(1_000, 'how often a watch looks whether its folder is still the one that was shared'),
  watchRescanEveryMs: ms(
    10_000,
    'how often a folder is looked at as a whole where the kernel gives no hints',
  ),
  watchLingerMs: ms(
    60_000,
    'how long a share is watched on after its last reader went away: it may come back',
  ),
  davXmlMaxBytes: bytes(MIB, 'XML of one WebDAV request'),
  davXmlDepthMax: count(64, 'nesting of the XML of a WebDAV request; deeper input is hostile'),
  davValuesMaxBytes: bytes(
    64 * KIB,
    'dead properties of one file or folder together; file systems may take less (ext4 about 4 KiB)',
  ),
  treeRemovesTogether: count(128, 'files of a folder that a thread removes in one step'),
  treePutBytes: bytes(
    256 * KIB,
    'of a file that a client of a share sends, up to which a thread puts it in one step',
  ),
  treePutsAtOnce: count(4, 'such files at the same time for each share; more take the longer way'),
  cachedReadBytes: bytes(
    64 * KIB,
    'read from memory of the system by the thread that answers, without a file being opened',
  ),
  davPieceBytes: bytes(MIB, 'read from a file and sent to a WebDAV client in one go'),
  treePageNames: count(512, 'names of a folder whose nodes are looked at in one go, for a list of it'),
  davThreadFileBytes: bytes(4 * MIB, 'of a file from which on a thread sends it to a WebDAV client'),
  davThreadTurnMs: ms(20, 'that one WebDAV client has a thread for itself; others have their turns between'),
  davThreadAloneMs: ms(500, 'the same while nothing else waits for a thread'),
  davThreadTurnBytes: bytes(
    MIB,
    'that a WebDAV client takes in such a turn; one that is slower is served without a thread',
  ),
  davFastPieceMs: ms(20, 'in which a WebDAV client takes one piece before a thread serves it'),
  davListPieceBytes: bytes(64 * KIB, 'of a WebDAV answer gathered before it is sent'),
  davListPageBytes: bytes(256 * KIB, 'of a WebDAV list of a folder written in a thread in one go'),
  davSmallFolderBytes: bytes(
    4 * KIB,
    'size of a folder as the file system tells it, up to which WebDAV lists it without a thread, which may have to start',
  ),
  smbLogLineMaxBytes: bytes(
    65_536,
    'line of the log in which Samba tells of a sign-in; a longer one is passed over',
  ),
  smbClientsKnownMax: count(
    1_000,
    'processes of Samba whose clients are remembered for records of what they did',
  ),
  davRemovesAtOnce: count(16, 'files that one WebDAV request removes at the same time'),
  davRemovePassesMax: count(
    16,
    'times that a folder is gone through to be removed while others make files in it',
  ),
  davLocksMax: count(10_000, 'WebDAV locks of one share'),
  davLockDefaultMs: ms(600_000, 'life of a WebDAV lock whose client asks for no time'),
  davLockMaxMs: ms(86_400_000, 'longest life of a WebDAV lock; its client may renew it'),
  davCopyDepthMax: count(256, 'folders within folders that one WebDAV request copies or removes'),
  // folders of machines
  folderPageMax: count(1_000, 'entries in one page of a folder of a machine'),
  folderPageMaxBytes: bytes(256 * KIB, 'of such a page after which it ends'),
  placesMax: count(256, 'paths that a machine is asked at once where they lead'),
  folderAnswerMs: ms(10_000, 'time for a machine to show one of its folders'),
  // uploads
  uploadMaxBytes: bytes(256 * 1024 * MIB, 'files of one upload together'),
  uploadFilesMax: count(100_000, 'files and folders of one upload'),
  uploadDepthMax: count(128, 'folders within folders of an upload'),
  uploadsOpenPerUserMax: count(8, 'uploads of one user that are being sent, or wait for their copy'),
  uploadsMax: count(256, 'uploads whose files lie in the data directory'),
  uploadWritersMax: count(8, 'files of one upload that arrive at the same time'),
  uploadIdleMs: ms(900_000, 'an upload that nothing came for, and no copy was made of, is removed then'),
  uploadInterruptedKeptMs: ms(
    7 * 24 * 3_600_000,
    'how long the files of an interrupted copy are kept, so that it can be resumed',
  ),
  uploadSweepEveryMs: ms(60_000, 'how often uploads are looked for that nothing needs any more'),
  uploadSpareBytes: bytes(64 * MIB, 'free space of the data directory that no upload takes'),
  uploadRefusedGraceMs: ms(
    2_000,
    'how long the rest of an upload that was refused is taken and dropped, so that its sender reads why',
  ),
} as const satisfies Record<string, Limit>;
