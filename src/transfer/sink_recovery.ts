import { toHex } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { isPlanted } from '../base/fault_points.ts';
import { LIMITS } from '../base/limits.ts';
import { forEachAtOnce } from '../base/parallel.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { type JournalFile, JournalReader, type JournalRecord } from '../wire/journal.ts';
import type { Stat } from '../world/disk.ts';
import { ChunkMap, chunkCount } from './chunk_map.ts';
import type { PartialStore } from './partial_store.ts';
import { badIn, type ReadBack, type Run, runsOf } from './read_back.ts';
import type { SinkFile } from './sink_files.ts';
import type { SinkWriter } from './sink_writer.ts';

/** What the journal claims of one file. */
interface Claim {
  readonly version: JournalFile;
  readonly chunks: ChunkMap;
  published: boolean;
}

export interface JournalClaims {
  readonly byKey: Map<string, Claim>;
  /** In words, where the journal was damaged; null where it was whole. */
  readonly damage: string | null;
}

/** Reads the journal of an earlier attempt and cuts it where it stops being readable. */
export async function readClaims(store: PartialStore, journalBytes: number): Promise<JournalClaims> {
  const byKey = new Map<string, Claim>();
  if (journalBytes === 0) {
    await store.trimJournal(0);
    return { byKey, damage: null };
  }
  const reader = new JournalReader();
  const buffer = new Uint8Array(Math.min(journalBytes, LIMITS.journalReadBytes.value));
  for (let offset = 0; ; ) {
    const count = await store.readJournal(buffer, offset);
    if (count === 0) break;
    for (const record of reader.push(buffer.subarray(0, count))) apply(byKey, record);
    offset += count;
  }
  const { validBytes, damage } = reader.finish();
  await store.trimJournal(validBytes);
  return { byKey, damage: damage === null ? null : `${damage.reason} (at byte ${damage.offset})` };
}

function apply(byKey: Map<string, Claim>, record: JournalRecord): void {
  if (record.type === 'header') return;
  const key = toHex(record.fileKey);
  if (record.type === 'file') {
    const count = chunkCount(record.sizeBytes, record.chunkBytes);
    if (count > LIMITS.chunksPerFileMax.value) return;
    byKey.set(key, { version: record, chunks: new ChunkMap(count), published: false });
    return;
  }
  const claim = byKey.get(key);
  if (!claim) return;
  if (record.type === 'published') claim.published = true;
  else if (record.type === 'dropped') byKey.delete(key);
  else if (record.index < claim.chunks.count) claim.chunks.written(record.index, record.hash);
}

export interface RecoveryParams {
  readonly claims: JournalClaims;
  readonly writer: SinkWriter;
  readonly dirs: DirCache;
  readonly readBack: ReadBack;
  readonly inPlace: (file: SinkFile) => void;
  readonly claimed: (index: number, hash: Uint8Array) => void;
}

/**
 * Takes up what the journal claims of a planned file: a published file is looked at by its size and time; of another one
 * every chunk that was noted is claimed, and {@link checkClaims} has to look at it. What belongs to another version of the
 * source is dropped. The journal alone proves nothing.
 */
export async function takeClaims(params: RecoveryParams, file: SinkFile): Promise<void> {
  const claim = params.claims.byKey.get(toHex(file.key));
  if (!claim) return;
  if (!sameVersion(claim.version, file.entry, params.readBack.chunkBytes)) return params.writer.drop(file);
  if (!claim.published) return takeChunks(params, file, claim);
  const stat = await statTarget(params.dirs, file);
  const isThere =
    stat?.kind === 'file' && stat.sizeBytes === file.entry.sizeBytes && stat.mtimeNs === file.entry.mtimeNs;
  return isThere ? params.inPlace(file) : params.writer.drop(file);
}

async function takeChunks({ writer, claimed }: RecoveryParams, file: SinkFile, claim: Claim): Promise<void> {
  try {
    await using partial = await writer.openPartial(file);
    await partial.datasync(); // what a killed process had written may still be in memory only
  } catch (failure) {
    const { code } = asCausewayError(failure);
    // A device that failed to flush these bytes is not believed when it succeeds later: they are sent again.
    if (code === 'CW_DISK_IO') return writer.drop(file);
    if (code === 'CW_DISK_NOT_FOUND') return;
    throw failure;
  }
  writer.declared(file);
  for (let index = 0; index < claim.chunks.count; index += 1)
    if (claim.chunks.has(index)) claimed(index, claim.chunks.hash(index));
}

export interface CheckParams {
  readonly writer: SinkWriter;
  readonly readBack: ReadBack;
  /** Nobody wants to know any more. */
  readonly isOver: () => boolean;
  /** Hears of every claimed chunk once. */
  readonly looked: (good: readonly number[], bad: readonly number[]) => void;
}

/**
 * Reads and hashes the claimed chunks of a file, beside the copy that goes on: what is missing does not wait for what may
 * be there. What cannot be read is not there. Errors are CW_DISK_*.
 */
export async function checkClaims(params: CheckParams, file: SinkFile): Promise<void> {
  const { writer, readBack, isOver, looked } = params;
  const claims = runsOf(file, readBack.chunkBytes, (index) => file.chunks.isClaimed(index));
  const partial = await orMissing(writer.openPartial(file));
  if (partial === null) {
    for (const run of claims) looked([], indexesOf(run));
    return;
  }
  try {
    await forEachAtOnce(claims, LIMITS.verifyAtOnceMax.value, async (run) => {
      if (isOver()) return;
      const bad = (await orMissing(badIn(partial, file, run, readBack))) ?? indexesOf(run);
      const isGood = (index: number) => !bad.includes(index) || isPlanted('trust-journal');
      looked(
        indexesOf(run).filter(isGood),
        bad.filter((index) => !isGood(index)),
      );
    });
  } finally {
    await partial.close();
  }
}

function indexesOf({ first, count }: Run): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}

/** Null where the file is gone or its device does not give it. */
async function orMissing<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_IO') return null;
    throw failure;
  }
}

function sameVersion(claim: JournalFile, entry: PlanEntry, chunkBytes: number): boolean {
  return (
    claim.sizeBytes === entry.sizeBytes &&
    claim.mtimeNs === entry.mtimeNs &&
    claim.ctimeNs === entry.ctimeNs &&
    claim.inode === entry.inode &&
    claim.chunkBytes === chunkBytes
  );
}

async function statTarget(dirs: DirCache, file: SinkFile): Promise<Stat | null> {
  try {
    return await dirs.useParent(file.target, (dir, name) => dir.stat(name));
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_NOT_DIRECTORY' || code === 'CW_DISK_SYMLINK')
      return null;
    throw failure;
  }
}
