import type { Limit } from './limit.ts';

const MIB = 1024 * 1024;

const bytes = (value: number, why: string): Limit => ({ value, unit: 'bytes', why });
const count = (value: number, why: string): Limit => ({ value, unit: 'count', why });

/** Those of mounts, a part of LIMITS. */
export const MOUNT_LIMITS = {
  mountReadMaxBytes: bytes(MIB, 'largest read that a kernel asks a mount for in one request'),
  mountWriteMaxBytes: bytes(MIB, 'largest write that a kernel gives to a mount in one request'),
  mountBackgroundMax: count(
    64,
    'requests of read-ahead and of direct writes that a kernel has on its way to a mount',
  ),
  mountFoldersOpenMax: count(1_024, 'folders of a mount whose descriptors are kept at one time'),
  mountFilesOpenMax: count(65_536, 'files and folders that programs have open in one mount'),
  mountNodesMax: count(
    50_000,
    'files and folders that a kernel may know of a mount before it is asked to forget some',
  ),
  mountForgetQueueMax: count(10_000, 'names that a kernel is still to be asked to forget'),
  mountLocksPerFileMax: count(10_000, 'locks on ranges of one file of a mount'),
  mountLockWaitersMax: count(10_000, 'programs that wait for a lock in one mount'),
  mountLockOwnersMax: count(10_000, 'programs that hold locks in one mount'),
  mountFoldersListedMax: count(
    1_024,
    'folders that programs are listing in one mount, with up to 64 KiB each',
  ),
  mountFarNodesMax: count(
    1_000_000,
    'files and folders that another machine may know of a mount; whoever holds more does not forget when asked',
  ),
  mountFarFilesMax: count(8_192, 'files and folders that another machine has open in one mount'),
  mountFarSyncsMax: count(64, 'flushes of one mount that are under way for another machine'),
};
