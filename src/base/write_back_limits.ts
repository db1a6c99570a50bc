import { bytes, count, KIB, type Limit, MIB, ms } from './limit.ts';

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
  writeBackConflictsMax: count(100, 'names tried beside a file that others have changed too'),
  writeBackWaveMax: count(64, 'changes that are sent on before it is noted that they were'),
  writeBackAtOnce: count(8, 'changes of one write-back cache that are sent on at one time'),
  writeBackChangesMax: count(16_384, 'changes that wait in a write-back cache; who makes more waits'),
  writeBackRoomMaxMs: ms(60_000, 'how long a write waits for room in a write-back cache before it fails'),
  writeBackRetryMs: ms(1_000, 'how long a change that could not be sent on waits, at first'),
  writeBackRetryMaxMs: ms(60_000, 'the same after many attempts'),
  writeBackToldMax: count(1_000, 'conflicts of a write-back cache that are remembered to be told'),
  writeBackTriesMax: count(
    100,
    'how often something is tried again that changes meanwhile: a rename of a folder in which files are written',
  ),
  writeBackIdsMax: count(
    262_144,
    'files made through a write-back cache that keep their identity once they are over there; then the oldest change theirs',
  ),
  writeBackDirtyMaxBytes: bytes(
    1024 * MIB,
    'what may wait in a mount with --cache-policy write-back where no --cache-size says so; who writes more waits',
  ),
  writeBackSplitBytes: bytes(
    256 * MIB,
    'with --cache-policy split: smaller files wait, larger ones are written where they belong, where --split-size does not say otherwise',
  ),
  writeBackDirtyLeastBytes: bytes(MIB, 'least that may wait in a write-back cache'),
  writeBackAgeMaxMs: ms(
    86_400_000,
    'longest age limit and flush interval that a write-back cache can be set to',
  ),
  writeBackAgeMs: ms(
    30_000,
    'how long anything waits in a mount before it is sent on, as in the page cache of Linux',
  ),
  writeBackCleanMs: ms(
    60_000,
    'how long the end of a mount waits until all that was written in it is on the other machine, before it is refused',
  ),
  writeBackLookMs: ms(250, 'how often who waits for a write-back mount looks whether it is there again'),
  writeBackWaitMs: ms(
    20_000,
    'how long one request waits for a clean cache; whoever waits longer asks again',
  ),
  writeBackFoldersOpenMax: count(
    256,
    'folders of another machine that a write-back cache keeps open there, to make names in them durable',
  ),
  writeBackAttemptMs: ms(
    60_000,
    "after a crash, a change over there that is further from the last attempt to write that file is somebody else's",
  ),
} satisfies Record<string, Limit>;
