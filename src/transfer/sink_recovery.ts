import { toHex } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { isPlanted } from '../base/fault_points.ts';
import { LIMITS } from '../base/limits.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { type JournalFile, JournalReader, type JournalRecord } from '../wire/journal.ts';
import type { Stat } from '../world/disk.ts';
import { ChunkMap, chunkCount, chunkLength } from './chunk_map.ts';
import { verifyChunksJob } from './disk_jobs.ts';
import { isHuge } from './page_cache.ts';
import type { PartialStore } from './partial_store.ts';
import type { ReadBack } from './read_back.ts';
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
  readonly recovered: (file: SinkFile, index: number, hash: Uint8Array) => void;
}

/**
 * Checks what the journal claims of a planned file against the disk: a published file by its size and time, a chunk by
 * its hash. What does not hold, or belongs to another version of the source, is dropped. The journal alone proves nothing.
 */
export async function recoverFile(params: RecoveryParams, file: SinkFile): Promise<void> {
  const claim = params.claims.byKey.get(toHex(file.key));
  if (!claim) return;
  if (!sameVersion(claim.version, file.entry, params.readBack.chunkBytes)) return params.writer.drop(file);
  if (claim.published) {
    const stat = await statTarget(params.dirs, file);
    if (
      stat &&
      stat.kind === 'file' &&
      stat.sizeBytes === file.entry.sizeBytes &&
      stat.mtimeNs === file.entry.mtimeNs
    ) {
      return params.inPlace(file);
    }
    return params.writer.drop(file);
  }
  await recheckChunks(params, file, claim);
}

async function recheckChunks(params: RecoveryParams, file: SinkFile, claim: Claim): Promise<void> {
  const { writer, readBack } = params;
  const { meter, offload, chunkBytes, holes } = readBack;
  try {
    await using partial = await writer.openPartial(file);
    const matching: number[] = [];
    for (let index = 0; index < claim.chunks.count; index += 1) {
      if (!claim.chunks.has(index)) continue;
      const lengthBytes = chunkLength(file.entry.sizeBytes, chunkBytes, index);
      const args = {
        file: partial,
        offset: index * chunkBytes,
        lengthBytes,
        chunkBytes,
        hashes: claim.chunks.hash(index),
        holes,
        forget: isHuge(file.entry.sizeBytes),
      };
      const bad = await meter.run('verify', lengthBytes, (moved) =>
        offload.run(verifyChunksJob, args, moved),
      );
      if (bad.length === 0 || isPlanted('trust-journal')) matching.push(index);
    }
    await partial.datasync(); // what a killed process had written may still be in memory only
    writer.declared(file);
    for (const index of matching) params.recovered(file, index, claim.chunks.hash(index));
  } catch (failure) {
    const { code } = asCausewayError(failure);
    // A device that failed to read or flush these bytes is not believed when it succeeds later: they are sent again.
    if (code === 'CW_DISK_IO') await writer.drop(file);
    else if (code !== 'CW_DISK_NOT_FOUND') throw failure;
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
