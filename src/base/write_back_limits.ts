import { bytes, count, KIB, type Limit, MIB } from './limit.ts';

/** Those of write-back caches, a part of LIMITS. */
export const WRITE_BACK_LIMITS = {
  writeBackRecordMaxBytes: bytes(
    2 * MIB,
    'payload of one record of a write-back journal: the largest piece of a write, its seal and what names it',
  ),
  writeBackPieceMaxBytes: bytes(MIB, 'bytes of one write that one record of a write-back journal holds'),
  writeBackSegmentBytes: bytes(
    32 * MIB,
    'a segment of a write-back journal: what is kept until the last byte of it has been flushed',
  ),
  writeBackReadBytes: bytes(256 * KIB, 'piece by piece in which a write-back journal is read at the start'),
  writeBackReserveBytes: bytes(
    64 * MIB,
    'of the disk of a write-back journal that stay free for what the flush has to note',
  ),
  writeBackSpaceStepBytes: bytes(
    4 * MIB,
    'by so much a write-back journal grows before it looks at the free space again',
  ),
  writeBackStateItemsMax: count(256, 'files or changes in one record of the state that begins a segment'),
} satisfies Record<string, Limit>;
