import { bytes, count, MIB } from './limit.ts';

/** Limits of copies whose sink reaches the source's files: a part of LIMITS. */
export const DIRECT_LIMITS = {
  directWindowBytes: bytes(32 * MIB, 'what is copied, flushed and compared of a file in one piece'),
  directWindowsAtOnceMax: count(3, 'such pieces of one file at the same time'),
  directWorksAtOnceMax: count(3, 'files, or packs of small ones, that are copied directly at the same time'),
  directTrialBytes: bytes(
    64 * MIB,
    'copied by each way before the faster one is taken; a small part goes by the slower one ever after',
  ),
  directTrialEvery: count(
    64,
    'of so many pieces of files one goes by the slower way, in case it is faster by now',
  ),
  directCompareBytes: bytes(MIB / 4, 'read of each of the two files at a time to compare them'),
  directProbes: count(16, 'blocks of a file that shares those of its source that are compared with them'),
};
