import { bytes, count, KIB, type Limit, MIB, ms } from './limit.ts';

/** Those of the block caches, a part of LIMITS. */
export const CACHE_LIMITS = {
  cacheSizeMinBytes: bytes(16 * MIB, 'smallest cache of a mount: it is worth one large file'),
  cacheSizeMaxBytes: bytes(2 ** 44, 'largest cache of a mount: what its index in memory was measured for'),
  cacheAskMs: ms(1_000, 'how long a machine is asked for figures of its caches, for whoever lists shares'),
  cacheBlockBytes: bytes(128 * KIB, 'what a cache keeps or drops at once: what a kernel reads ahead'),
  cacheWriteQueueMaxBytes: bytes(
    32 * MIB,
    'blocks of one cache that wait to be written to its disk; what comes when it is full is not kept',
  ),
  cacheBatchBlocks: count(8, 'blocks of a cache that are sealed or opened at a time, in a thread beside it'),
  cacheTraysMax: count(
    8,
    'pieces of memory for so many blocks each that one cache keeps to use them again for sealing and opening',
  ),
  cacheIndexFrameMaxBytes: bytes(MIB, 'largest frame of the index of a cache'),
  cacheIndexRewriteBytes: bytes(
    4 * MIB,
    'from that size on the index of a cache is written anew, where most of it is out of date',
  ),
  cacheSpaceStepSlots: count(32, 'blocks by which a cache grows before it looks at the free space again'),
  cacheReserveBytes: bytes(512 * MIB, 'of the disk of a cache that stay free'),
  cacheSlowMs: ms(250, 'a read of the disk of a cache that takes longer is answered from elsewhere'),
  cacheThreadMs: ms(
    2_000,
    'the same where no thread has got to it and no disk holds one up: threads are started, and may wait for a processor',
  ),
  cacheSlowMax: count(4, 'such reads one after the other, after which its disk is left alone for a while'),
  cachePauseMs: ms(1_000, 'how long the disk of a cache is left alone after a failure, at first'),
  cachePauseMaxMs: ms(60_000, 'the same after many of them'),
  cacheTierWindowMs: ms(
    1_440 * 60_000,
    'after so long a use of a block counts an eighth where its tier is chosen',
  ),
  cacheTierHeatCounters: count(2 ** 22, 'counters for how hot blocks of one cache are, in each of two rows'),
  cacheTierSampleSlots: count(64, 'places of a tier of which the coolest block is looked for at a time'),
  cacheTierLookMs: ms(1_000, 'how long what was found so is believed'),
  cacheTierMovesPerS: count(
    160,
    'blocks of one cache that change their tier in a second, so that readers come first',
  ),
  cacheTierPauseMs: ms(50, 'pause between two batches of them'),
  cacheTierWaitMax: count(4, 'such pauses that a batch waits for readers, before it goes on beside them'),
  cacheTierIdleMax: count(
    40,
    'such pauses without a block that moves, after which moving ends until a block comes',
  ),
  cacheStalenessMs: ms(1_000, 'how long a file that is open is believed to be as it was'),
  cacheSettledMs: ms(
    2_100,
    'age of the last change from which on the times of a file tell each further one: file systems count in steps of up to 2 s',
  ),
  leaseBreakMs: ms(
    10_000,
    'how long a mount may take to let go of a lease that another one is waiting for, before it goes on without: what the mount still writes is refused then',
  ),
  leaseTermMs: ms(
    5_000,
    'how long a mount believes its leases after the last question that was answered: half of leaseBreakMs, for clocks that differ in speed',
  ),
  leaseRenewMs: ms(2_000, 'how often a mount with leases asks whether they still count'),
  leaseSlots: count(
    16_384,
    'files that are told apart where threads look whether somebody has a lease; two that fall together cost a question, no more',
  ),
  leasesMax: count(16_384, 'leases of one mount'),
  leaseWaitingMaxBytes: bytes(16 * MIB, 'what these have together, writes among them'),
  leaseWaitingMax: count(1_024, 'requests of one mount that wait for the leases of others'),
  leaseHandlesMax: count(
    1_024,
    'files that no program has open and a mount keeps open over there, to open them again without asking',
  ),
  cacheMemoryUsualBytes: bytes(
    64 * MIB,
    'blocks of one cache that are in memory too, beside its disk, where nobody says otherwise',
  ),
  cacheMemoryLookMs: ms(1_000, 'pause between two looks how it is with the memory that caches share'),
  cacheMemoryMostBytes: bytes(2 ** 40, 'most that somebody may say for it'),
  cacheAheadMaxBytes: bytes(
    32 * MIB,
    'blocks of one cache that are on their way before anybody has asked for them',
  ),
  cacheAheadFilesMax: count(64, 'files that one cache opens by itself at one time, to fetch them ahead'),
  cacheListedFoldersMax: count(
    64,
    'folders of one mount of which its cache knows in which order they list their files',
  ),
  cacheListedFilesMax: count(2_048, 'files of each of them: of more the first ones'),
  cacheHistoryFilesMax: count(65_536, 'files of one mount of which its cache knows what was read after them'),
  cacheWarmMaxBytes: bytes(
    32 * MIB,
    'of what was read in the first minutes after a start that the next start takes from the disk of a cache into memory, half of what may be there at most',
  ),
  cacheWarmListMaxBytes: bytes(MIB, 'the list of it, beside the blocks of that cache'),
  cacheAheadWatchedMax: count(
    4_096,
    'blocks that were fetched ahead and are waited for: the oldest one beyond them counts as fetched in vain',
  ),
  cacheFilesMax: count(65_536, 'files of one mount that a cache watches at one time'),
} satisfies Record<string, Limit>;
