import type { Limit } from './limit.ts';

const MIB = 1024 * 1024;

const bytes = (value: number, why: string): Limit => ({ value, unit: 'bytes', why });
const ms = (value: number, why: string): Limit => ({ value, unit: 'ms', why });
const count = (value: number, why: string): Limit => ({ value, unit: 'count', why });

/** Those of mounts, a part of LIMITS. */
export const MOUNT_LIMITS = {
  mountReadMaxBytes: bytes(MIB, 'largest read that a kernel asks a mount for in one request'),
  mountReadAheadBytes: bytes(
    4 * MIB,
    'how far a kernel reads ahead in a folder of another machine, mounted by root',
  ),
  mountWriteMaxBytes: bytes(MIB, 'largest write that a kernel gives to a mount in one request'),
  mountBackgroundMax: count(
    64,
    'requests of read-ahead and of direct writes that a kernel has on its way to a mount',
  ),
  mountLookUs: count(
    60,
    'microseconds for which the thread of a mount looks for the next request before it sleeps, where that is faster',
  ),
  mountBusyUs: count(300, 'microseconds within which requests follow each other that it may look for'),
  mountFoldersOpenMax: count(1_024, 'folders of a mount whose descriptors are kept at one time'),
  mountFilesOpenMax: count(65_536, 'files and folders that programs have open in one mount'),
  mountNodesMax: count(
    50_000,
    'files and folders that a kernel may know of a mount before it is asked to forget some',
  ),
  mountForgetQueueMax: count(10_000, 'names that a kernel is still to be asked to forget'),
  mountWatchedMs: ms(
    10_000,
    'how long a kernel believes what it was told of a folder of another machine whose changes it is told of',
  ),
  mountWatchLookMs: ms(20, 'how often the machine with the folder looks for changes by others'),
  mountWatchFoldersMax: count(
    16_384,
    'folders of one mount whose changes are told; in others a change shows after the time of --cache',
  ),
  mountOwnChangeMs: ms(
    1_000,
    'how long a file that a mount has changed is not believed for longer: changes by others at that moment may be hidden',
  ),
  mountNoticesMax: count(
    16_384,
    'changes by others that one mount is still to be told; where there are more, all that it knows is out of date',
  ),
  mountLateMs: ms(
    5,
    'pause after which the closing of a file goes to the other machine where no other request of the mount does before',
  ),
  mountLateMax: count(32, 'files whose closing waits for that at one time'),
  mountFolderNoteMs: ms(
    100,
    'for so long the attributes of a folder count that came beside the answer to what has changed it, for a mount of another machine',
  ),
  mountPageMs: ms(
    100,
    'for so long a page of a folder of another machine counts that was asked for before the kernel did',
  ),
  mountPagesMax: count(16, 'such pages of one mount, each of another listing'),
  mountMadeFoldersMax: count(
    1_024,
    'folders that were made through a mount of another machine, of which it knows what is not in them',
  ),
  mountMadeNamesMax: count(200_000, 'names in all of these folders'),
  mountNoticesAheadMax: count(1_024, 'such notices that are on their way at one time'),
  mountKnownMax: count(
    200_000,
    'files of a mount that its kernel is told to ask for again when the link is cut; of more it believes for longer what it knows',
  ),
  mountNoticesAtOnceMax: count(
    2,
    'notices to kernels that all mounts of a process write at one time: each may wait, and keeps one of four threads',
  ),
  mountLocksPerFileMax: count(10_000, 'locks on ranges of one file of a mount'),
  mountLockWaitersMax: count(10_000, 'programs that wait for a lock in one mount'),
  mountLockOwnersMax: count(10_000, 'programs that hold locks in one mount'),
  mountLockLookMinMs: ms(
    2,
    'pause before a lock that somebody outside of a mount has is looked for again, at first',
  ),
  mountLockLookMaxMs: ms(50, 'the same after it was long in coming: each pause is twice as long as the last'),
  mountFoldersListedMax: count(
    1_024,
    'folders that programs are listing in one mount, with up to 64 KiB each',
  ),
  mountFarNodesMax: count(
    1_000_000,
    'files and folders that another machine may know of a mount; whoever holds more does not forget when asked',
  ),
  mountFarFilesMax: count(8_192, 'files and folders that another machine has open in one mount'),
  mountSlotsMax: count(
    16,
    'pieces of memory in which requests of a mount of another machine wait, and as many for answers; each holds a large one',
  ),
  mountMessageMaxBytes: bytes(
    MIB + 68 * 1024,
    'largest message on the stream of a mount: a large write, and small requests before it',
  ),
  mountAheadMaxBytes: bytes(
    8 * MIB,
    'writes of a mount that programs need not wait for, until the other machine has them',
  ),
  mountAheadWritesMax: count(1_024, 'such writes that are on their way at one time'),
  mountAheadSlotsMax: count(8, 'such writes that stay in the memory in which the kernel has put them'),
  mountOutageMs: ms(
    8_000,
    'how long programs wait for a mount whose other machine is away, before they get errors',
  ),
  mountEndMs: ms(2_000, 'how long the end of a mount waits for the other machine to hear of it'),
  mountRetryMs: ms(1_000, 'pause before a mount of another machine is tried again after a failure'),
  mountServerKeepMs: ms(
    600_000,
    'how long a machine keeps what another one had open in a folder, while the link is away',
  ),
  mountsMax: count(64, 'mounts that a daemon keeps, and that a machine serves or has'),
  mountRecordsAheadMax: count(
    4_096,
    'audit records of one mount that wait to be written; whoever makes one more waits',
  ),
  mountRecordWaitMs: ms(
    10_000,
    'how long a mount waits for the audit log, before it refuses what it was to record',
  ),
  mountFarSyncsMax: count(64, 'flushes of one mount that are under way for another machine'),
  mountUntoldMax: count(
    8,
    'messages of the connection of a mount that are taken before the other side hears of it',
  ),
  mountAnswersFreeMin: count(
    4,
    'pieces of memory for answers that must be free before a mount serves what came over its connection',
  ),
  mountUntoldMaxBytes: bytes(2 * MIB, 'bytes of such messages: the other side keeps them until then'),
  mountDetourPauseMs: ms(
    1_000,
    'pause before a mount is given a connection of its own again after it lost one',
  ),
  mountDetourDeadMs: ms(
    5_000,
    'how long the connection of a mount may be dead before its frames go over the link: less than programs wait for one',
  ),
  mountDetourBacklogMaxBytes: bytes(
    64 * MIB,
    'requests of a mount that wait until memory for their answers is free; a machine that sends more is cut off',
  ),
};
