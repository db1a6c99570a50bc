import { bytes, count, KIB, type Limit, MIB, ms } from './limit.ts';

const HOUR_MS = 3_600_000;

/** Those of batches that a share can be returned to, a part of LIMITS. */
export const ROLLBACK_LIMITS = {
  rollbackKeptMaxMs: ms(30 * 24 * HOUR_MS, 'how long a share may keep what mounts have overwritten'),
  rollbackMaxBytes: bytes(
    4096 * MIB,
    'what batches of one share may take on its disk where no --rollback-size says so; then the oldest go',
  ),
  rollbackPauseMs: ms(1_000, 'so long without a change of a mount ends a batch'),
  rollbackBatchMaxMs: ms(
    60_000,
    'a batch ends after that time, at the next moment in which no file is half replaced',
  ),
  rollbackRecordMaxBytes: bytes(
    512 * KIB,
    'one record of a batch: a value of an extended attribute with its name',
  ),
  rollbackBatchesMax: count(4_096, 'batches of one share; then the oldest go'),
  rollbackToldMax: count(
    5,
    'conflicts that a refused rollback names; of the others it tells how many there are',
  ),
} satisfies Record<string, Limit>;
