import { bytes, count, MIB, ms } from './limit.ts';

/** Limits of what a side remembers of the contents of its files: a part of LIMITS. */
export const KNOWN_LIMITS = {
  knownFilesMax: count(
    4_096,
    'files whose contents one side remembers; those that were put there first are forgotten first',
  ),
  knownFilesMaxBytes: bytes(256 * MIB, 'what one side keeps of that on its disk'),
  knownFileMinBytes: bytes(
    4 * MIB,
    'a smaller file is read again in about the time that a record of it takes',
  ),
  knownRecordMaxBytes: bytes(
    64 * MIB,
    'the record of one file: 32 bytes for each chunk and 8 for each block; a larger one is not kept',
  ),
  knownBasesMax: count(8, 'versions of which a copy has the record in memory at the same time'),
  knownRacyMarginMs: ms(
    2_000,
    'a file that changed this shortly before it was recorded may change again with the same times: its record is a hint only',
  ),
};
