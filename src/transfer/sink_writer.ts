import { concat, toHex, totalBytes } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { isPlanted } from '../base/fault_points.ts';
import { LIMITS } from '../base/limits.ts';
import { isDirectlyIn, type RelPath, splitRel } from '../base/path.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry, Problem } from '../wire/copy_types.ts';
import type { ChunkHeader, PatchMessage } from '../wire/lane_message.ts';
import type { Dir, DiskFile } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import type { ChunkMap } from './chunk_map.ts';
import { writeChunksJob } from './chunk_run_jobs.ts';
import { writePatchesJob } from './delta/patch_job.ts';
import { writeZerosJob } from './disk_jobs.ts';
import { finishLarge } from './finish_large.ts';
import { syncFoldersJob } from './folder_jobs.ts';
import type { KnownBases } from './known/known_bases.ts';
import { type MetadataRules, type Missing, missingProblem } from './metadata.ts';
import { OpenPartials } from './open_partials.ts';
import { type ArrivedFile, type PackOutcome, PackWriter } from './pack_writer.ts';
import { forgetPages, overfills } from './page_cache.ts';
import type { PartialStore } from './partial_store.ts';
import type { ReadBack } from './read_back.ts';
import type { FailedFinish } from './sink_state.ts';
import type { StageMeter } from './stage_meter.ts';
import { type Temporary, temporaryOf } from './temporary_name.ts';
import type { KeepFailures, Placing, UndoKeeper } from './undo/keeper.ts';
import { largePlacing, smallPlacing } from './undo/placing.ts';
import type { VersionsThere } from './versions_there.ts';
import { isWholeDisk } from './whole_disk.ts';

/** What the writer has to know of a file. */
export interface WriteTarget extends Temporary {
  readonly entry: PlanEntry;
  readonly target: RelPath;
  isPacked: boolean;
  readonly chunks: ChunkMap;
  readonly version: number;
  /** How often a part of it did not read back as it was written. */
  readonly retries: number;
}

/** A chunk as it came. */
export interface ArrivedChunk {
  readonly index: number;
  readonly data: Uint8Array;
  readonly hash: Uint8Array;
}

/** Files whose flush failed, with the reason. */
export type FlushFailures = ReadonlyMap<WriteTarget, CausewayError>;

const FLUSH_FAILED = new CausewayError('CW_DISK_IO', 'a flush of what was written has failed');

export interface WriterParts {
  readonly root: Dir;
  readonly dirs: DirCache;
  readonly store: PartialStore;
  readonly meter: StageMeter;
  readonly chunkBytes: number;
  readonly offload: Offload;
  /** Of the machine that the destination is on. */
  readonly memoryBytes: number;
  /**
   * Whether a chunk is hashed before it is written, small files in packs apart. Each one is hashed when it is read back in
   * any case; on arrival that finds damage earlier, but nothing where TLS has authenticated the bytes.
   */
  readonly checkArrival: boolean;
  /** Whether the destination's holes count once they were probed. */
  readonly holes: boolean;
  readonly describing: Describing;
  /** Keeps what is replaced; null: nothing is kept. */
  readonly undo: UndoKeeper | null;
  /** Where the destination has earlier versions of files. */
  readonly versions: VersionsThere;
  /** Remembers what large files hold that were read back; null: nobody does. */
  readonly known: KnownBases | null;
}

/** Which metadata files get. */
export interface Describing {
  readonly rules: MetadataRules;
  /** Told of each file that is in place and lacks something. */
  readonly onProblem: (problem: Problem) => void;
}

/**
 * Puts bytes on the destination's disk: into partial files, flushed, read back, and renamed into place. Knows nothing
 * of the link. Errors are CW_DISK_*.
 */
export class SinkWriter {
  readonly #root: Dir;
  readonly #dirs: DirCache;
  readonly #store: PartialStore;
  readonly #meter: StageMeter;
  readonly #chunkBytes: number;
  readonly #offload: Offload;
  readonly #checkArrival: boolean;
  readonly #readBack: ReadBack;
  readonly #memoryBytes: number;
  readonly #describing: Describing;
  readonly #open: OpenPartials;
  /** Versions whose start is in the journal. */
  readonly #declared = new Map<number, number>();
  /** Files of which a flush has failed: whatever a later flush says, their bytes may be lost. */
  readonly #distrusted = new WeakSet<WriteTarget>();
  #isFlushDistrusted = false;
  readonly #packs: PackWriter;
  readonly #undo: UndoKeeper | null;
  readonly #known: KnownBases | null;
  #flushing: Promise<unknown> = Promise.resolve();
  #newNames = false;

  constructor(parts: WriterParts) {
    this.#root = parts.root;
    this.#dirs = parts.dirs;
    this.#store = parts.store;
    this.#meter = parts.meter;
    this.#chunkBytes = parts.chunkBytes;
    this.#offload = parts.offload;
    this.#checkArrival = parts.checkArrival;
    this.#readBack = parts;
    this.#memoryBytes = parts.memoryBytes;
    this.#describing = parts.describing;
    this.#open = new OpenPartials(parts);
    this.#packs = new PackWriter({ ...parts, rules: parts.describing.rules });
    this.#undo = parts.undo;
    this.#known = parts.known;
  }

  /** Writes chunks that follow each other; those that were written, all but where data were checked on arrival and do not have the hash. */
  async writeChunks<Chunk extends ArrivedChunk>(
    target: WriteTarget,
    chunks: readonly Chunk[],
  ): Promise<Set<Chunk>> {
    this.#declare(target);
    const write = (file: DiskFile) => this.#write(file, target, chunks);
    const flags =
      target.chunks.count === 1
        ? await this.#open.useOnce(target, write)
        : await this.#open.use(target, (file) => write(file));
    const written = new Set(chunks.filter((_, at) => flags[at] !== 0));
    for (const { index, data, hash } of written) this.#noteChunk(target, index, data.byteLength, hash);
    return written;
  }

  /** Makes one chunk zeros, without writing them where there is nothing yet. */
  async writeZeros(target: WriteTarget, { index, lengthBytes, hash }: ChunkHeader): Promise<void> {
    this.#declare(target);
    const { count } = target.chunks;
    const place = { offset: index * this.#chunkBytes, lengthBytes, endsFile: index === count - 1 };
    const write = (file: DiskFile) =>
      this.#meter.run('destinationWrite', 0, () => this.#offload.run(writeZerosJob, { file, ...place }));
    await (count === 1 ? this.#open.useOnce(target, write) : this.#open.useForZeros(target, write));
    this.#noteChunk(target, index, lengthBytes, hash);
  }

  /** Puts chunks together from what came and the version that stands at the destination; gives those for which that could give its part. */
  async writePatches(target: WriteTarget, patches: readonly PatchMessage[]): Promise<Set<PatchMessage>> {
    this.#declare(target);
    const bytes = patches.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    const flags = await this.#open.use(target, async (file, openBase) => {
      const base = await openBase();
      if (base === null) return null;
      const args = {
        file,
        base: base.file,
        cloned: base.cloned,
        patches: patches.map(({ index, segments, data }) => ({
          ...{ segments, data },
          offset: index * this.#chunkBytes,
          endsFile: index === target.chunks.count - 1,
        })),
      };
      return this.#meter.run('destinationWrite', bytes, (moved) =>
        this.#offload.run(writePatchesJob, args, moved),
      );
    });
    const whole = new Set(patches.filter((_, at) => flags?.[at] === 1));
    for (const { index, lengthBytes, hash } of whole) this.#noteChunk(target, index, lengthBytes, hash);
    return whole;
  }

  /**
   * Writes whole small files; gives the places of those that failed, with the reason. The journal does not speak of them: what is in place is found by size
   * and time when a copy is taken up again, and what is not yet is less than the link had in flight.
   */
  async writePack(files: readonly ArrivedFile[]): Promise<ReadonlyMap<number, CausewayError>> {
    this.#newNames = true;
    for (const { target } of files) target.isPacked = true;
    return this.#packs.write(files);
  }

  /** The file under the temporary name, empty, for whoever fills it without chunks. Whoever asks closes it. */
  async openEmpty(target: WriteTarget): Promise<DiskFile> {
    const file = await this.#store.dir.openFile(this.#name(target), 'append', 0o600);
    await file.truncate(0);
    return file;
  }

  #noteChunk(target: WriteTarget, index: number, lengthBytes: number, hash: Uint8Array): void {
    this.#store.append({ type: 'chunk', fileKey: target.key, index, lengthBytes, hash });
  }

  async #write(file: DiskFile, target: WriteTarget, chunks: readonly ArrivedChunk[]): Promise<Uint8Array> {
    const args = {
      file,
      data: chunks.map(({ data }) => data),
      offset: chunks[0]!.index * this.#chunkBytes,
      hashes: this.#checkArrival ? concat(chunks.map(({ hash }) => hash)) : null,
      dense: target.retries > 0, // a disk that is wrong about its holes gets no second chance to be
      endsFile: chunks.at(-1)!.index === target.chunks.count - 1,
    };
    const { written } = await this.#meter.runHashing(
      'destinationWrite',
      totalBytes(args.data),
      (moved) => this.#offload.run(writeChunksJob, args, moved),
      (done) => done.hashMs,
    );
    return written;
  }

  /**
   * Makes the bytes written so far of these files stable, and with them the journal that tells of them. Gives the files
   * whose flush failed: what the system had in memory of them may be lost although a later flush succeeds, so that they
   * have to be dropped.
   */
  flush(targets: readonly WriteTarget[], bytes: number): Promise<FlushFailures> {
    const flushing = this.#flushNow(targets, bytes);
    this.#flushing = flushing.catch(() => undefined); // the caller of this flush sees its failure
    return flushing;
  }

  async #flushNow(targets: readonly WriteTarget[], bytes: number): Promise<FlushFailures> {
    // A write that the device holds back is told as a write: the flush has not begun.
    await this.#meter.run('destinationWrite', 0, () => this.#store.journalWritten());
    return this.#meter.run('destinationFlush', bytes, async () => {
      const failures = await this.#syncFiles(targets);
      for (const target of failures.keys()) this.#distrusted.add(target);
      this.#isFlushDistrusted ||= failures.size > 0;
      const fromChunks = this.#open.takeNewNames();
      if (fromChunks || this.#newNames) {
        this.#newNames = false;
        await this.#store.dir.sync();
      }
      await this.#store.syncJournal();
      return failures;
    });
  }

  /** Flushes, reads back and renames complete files. Gives those in place; `report` hears of each other one. */
  async finish(
    targets: readonly WriteTarget[],
    report: (target: WriteTarget, outcome: FailedFinish) => void,
  ): Promise<WriteTarget[]> {
    const bytes = targets.reduce((sum, target) => sum + target.entry.sizeBytes, 0);
    // A flush that runs may fail for one of these files: its own flush after that would prove nothing.
    await this.#flushing;
    const unkept = await this.#keep(targets);
    const unflushed = await this.#meter.run('destinationFlush', bytes, async () => {
      const failures = await this.#syncFiles(targets);
      await this.#undo?.stable();
      return failures;
    });
    const renamed: WriteTarget[] = [];
    const take = (target: WriteTarget, outcome: FailedFinish | null) => {
      if (outcome === null) renamed.push(target);
      else report(target, outcome);
    };
    const small: WriteTarget[] = [];
    const isClean = unkept.size === 0 && unflushed.size === 0 && !this.#isFlushDistrusted;
    for (const target of targets) {
      const failure = isClean
        ? null
        : (unkept.get(target) ??
          unflushed.get(target) ??
          (this.#distrusted.has(target) ? FLUSH_FAILED : null));
      if (failure) take(target, failed(target, failure));
      else if (isSmall(target)) small.push(target);
      else take(target, await this.#finishOne(target));
    }
    await this.#packs.publish(small, (target, outcome) => {
      if (outcome.kind === 'done') this.#tellMissing(target, outcome.missing);
      take(target, finishOutcome(target, outcome));
    });
    if (renamed.length === 0) return renamed;
    const parents = parentsOf(renamed);
    await this.#meter.run('publish', renamed.length, () => this.#syncParents(parents));
    for (const target of renamed)
      if (this.#declared.delete(target.index)) this.#store.append({ type: 'published', fileKey: target.key });
    return renamed;
  }

  /** Keeps what these files will replace; those that must not be published, with the reason. Not stable yet. */
  async #keep(targets: readonly WriteTarget[]): Promise<FlushFailures> {
    const failures = new Map<WriteTarget, CausewayError>();
    const undo = this.#undo;
    if (undo === null) return failures;
    const placings: Placing[] = [];
    for (const target of targets)
      placings.push(isSmall(target) ? smallPlacing(target) : await largePlacing(target, this.#store.dir));
    // a new record is flushed with all the folders on the way to it
    await this.#meter.run('destinationFlush', 0, () => undo.ready());
    const kept: KeepFailures = await this.#meter.run('publish', 0, () => undo.keep(placings));
    if (kept.size > 0)
      for (const [at, placing] of placings.entries()) {
        const error = kept.get(placing);
        if (error !== undefined) failures.set(targets[at]!, error);
      }
    return failures;
  }

  /** Forgets what is there of a file, so that another version of it can be written. */
  async drop(target: WriteTarget): Promise<void> {
    await this.#open.close(target.index);
    this.#declared.delete(target.index);
    this.#store.append({ type: 'dropped', fileKey: target.key });
    await this.#removePartial(target);
  }

  async close(): Promise<void> {
    await this.#open.closeAll();
  }

  /** Opens the partial file of a target for reading, as recovery does. */
  openPartial(target: WriteTarget): Promise<DiskFile> {
    return this.#store.dir.openFile(this.#name(target), 'read');
  }

  /** The version of a recovered file is in the journal already. */
  declared(target: WriteTarget): void {
    this.#declared.set(target.index, target.version);
  }

  #name(target: WriteTarget) {
    return temporaryOf(target);
  }

  #declare(target: WriteTarget): void {
    target.isPacked = false; // what came in a pack before was not right
    if (this.#declared.get(target.index) === target.version) return;
    this.#declared.set(target.index, target.version);
    const { path, sizeBytes, mtimeNs, ctimeNs, inode } = target.entry;
    const fileKey = target.key;
    this.#store.append({
      type: 'file',
      fileKey,
      path,
      sizeBytes,
      mtimeNs,
      ctimeNs,
      inode,
      chunkBytes: this.#chunkBytes,
    });
  }

  async #syncFiles(targets: readonly WriteTarget[]): Promise<FlushFailures> {
    const failures = new Map<WriteTarget, CausewayError>();
    if (isPlanted('acknowledge-before-flush')) return failures;
    const note = (target: WriteTarget, failure: unknown) => {
      const error = asCausewayError(failure);
      if (isWholeDisk(error)) throw error;
      failures.set(target, error);
    };
    try {
      if (targets.length >= LIMITS.flushAllFromFiles.value && (await this.#root.syncFileSystem()))
        return failures;
    } catch (failure) {
      for (const target of targets) note(target, failure);
      return failures;
    }
    await Promise.all(
      targets.map((target) => this.#syncOne(target).catch((failure) => note(target, failure))),
    );
    return failures;
  }

  async #syncOne(target: WriteTarget): Promise<void> {
    if (this.#open.has(target))
      return this.#open.use(target, async (file) => {
        await file.datasync();
        if (overfills(target.entry.sizeBytes, this.#memoryBytes)) await forgetPages(file, 0, 0);
      });
    const file = await openOrNull(this.#store.dir.openFile(this.#name(target), 'read'));
    if (file === null) return; // dropped meanwhile: what is missing is found when the file is read back
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #finishOne(target: WriteTarget): Promise<FailedFinish | null> {
    try {
      await this.#open.close(target.index);
      const { bad, missing } = await finishLarge(target, {
        store: this.#store,
        dirs: this.#dirs,
        readBack: this.#readBack,
        rules: this.#describing.rules,
        known: this.#known,
      });
      if (bad.length > 0) return { kind: 'bad', indexes: bad };
      this.#tellMissing(target, missing);
      return null;
    } catch (failure) {
      const error = asCausewayError(failure);
      if (isWholeDisk(error)) throw error;
      return failed(target, error);
    }
  }

  #tellMissing({ entry }: WriteTarget, missing: Missing): void {
    if (missing.length > 0) this.#describing.onProblem(missingProblem(entry.path, missing));
  }

  async #syncParents(parents: ReadonlySet<RelPath>): Promise<void> {
    if (parents.size >= LIMITS.flushAllFromFiles.value && (await this.#root.syncFileSystem())) return;
    await this.#offload.run(syncFoldersJob, { root: this.#root, folders: [...parents] });
  }

  async #removePartial(target: WriteTarget): Promise<void> {
    try {
      await this.#store.dir.removeFile(this.#name(target));
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
    }
  }
}

/** Of at most one chunk, plain, and short enough to be read back by one piece of work with many others. */
function isSmall(target: WriteTarget): boolean {
  return (
    target.entry.xattrs === undefined &&
    target.chunks.count <= 1 &&
    !target.chunks.isChecked(0) && // there is no hash of it
    target.entry.sizeBytes <= LIMITS.smallFileMaxBytes.value
  );
}

/** The folders that files are in; as a rule one follows the other there. */
function parentsOf(targets: readonly WriteTarget[]): Set<RelPath> {
  const parents = new Set<RelPath>();
  let last: RelPath | null = null;
  for (const { target } of targets) {
    if (last !== null && isDirectlyIn(target, last)) continue;
    last = splitRel(target).parent;
    parents.add(last);
  }
  return parents;
}

function finishOutcome(target: WriteTarget, outcome: PackOutcome): FailedFinish | null {
  if (outcome.kind === 'done') return null;
  if (outcome.kind === 'mismatch') return { kind: 'bad', indexes: [0] };
  if (isWholeDisk(outcome.error)) throw outcome.error;
  return failed(target, outcome.error);
}

function failed(target: WriteTarget, error: CausewayError): FailedFinish {
  return { kind: 'failed', code: error.code, message: `${target.entry.path}: ${error.message}` };
}

/** How a partial file is called in messages. */
export function partialLabel(target: WriteTarget): string {
  return `${target.entry.path} (${toHex(target.key)})`;
}

async function openOrNull(opening: Promise<DiskFile>): Promise<DiskFile | null> {
  try {
    return await opening;
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}
