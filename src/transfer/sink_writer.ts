import { toHex } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { isPlanted } from '../base/fault_points.ts';
import { LIMITS } from '../base/limits.ts';
import { forEachAtOnce } from '../base/parallel.ts';
import { type RelPath, splitRel } from '../base/path.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import type { PatchMessage } from '../wire/lane_message.ts';
import type { Dir, DiskFile } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import type { ChunkMap } from './chunk_map.ts';
import { writePatchJob } from './delta/patch_job.ts';
import { verifyChunksJob, writeChunkJob } from './disk_jobs.ts';
import { type ArrivedFile, type PackOutcome, PackWriter } from './pack_writer.ts';
import type { PartialStore } from './partial_store.ts';
import { renameInto, settleFile } from './publish.ts';
import type { FailedFinish } from './sink_state.ts';
import type { StageMeter } from './stage_meter.ts';
import { partialName } from './temporary_name.ts';

/** What the writer has to know of a file. */
export interface WriteTarget {
  readonly index: number;
  readonly entry: PlanEntry;
  readonly target: RelPath;
  readonly key: Uint8Array;
  readonly chunks: ChunkMap;
  readonly version: number;
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
  /**
   * Whether a chunk is hashed before it is written. Each one is hashed when it is read back in any case; on arrival
   * that finds damage earlier, but nothing where TLS has authenticated the bytes.
   */
  readonly checkArrival: boolean;
}

interface OpenPartial {
  readonly opening: Promise<DiskFile>;
  /** The version that stands at the destination, once a patch has asked for it. */
  base: Promise<Base> | null;
  users: number;
}

interface Base {
  readonly file: DiskFile;
  /** The partial file began as a clone of it. */
  readonly cloned: boolean;
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
  /** Partial files of more than one chunk stay open while they grow. */
  readonly #open = new Map<number, OpenPartial>();
  /** Versions whose start is in the journal. */
  readonly #declared = new Map<number, number>();
  /** Files of which a flush has failed: whatever a later flush says, their bytes may be lost. */
  readonly #distrusted = new WeakSet<WriteTarget>();
  readonly #packs: PackWriter;
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
    this.#packs = new PackWriter(parts);
  }

  /** Writes one chunk at its place; false where data were checked on arrival and do not have the hash. */
  async writeChunk(
    target: WriteTarget,
    chunk: { readonly index: number; readonly data: Uint8Array; readonly hash: Uint8Array },
  ): Promise<boolean> {
    this.#declare(target);
    const { index, data, hash } = chunk;
    const write = (file: DiskFile) =>
      this.#write(file, { data, offset: index * this.#chunkBytes, hash: this.#checkArrival ? hash : null });
    const matches =
      target.chunks.count === 1
        ? await this.#withOwn(target, write)
        : await this.#withOpen(target, (file) => write(file));
    if (!matches) return false;
    this.#noteChunk(target, index, data.byteLength, hash);
    return true;
  }

  /** Puts one chunk together from what came and the version that stands at the destination; false where that cannot give its part. */
  async writePatch(target: WriteTarget, patch: PatchMessage): Promise<boolean> {
    this.#declare(target);
    const { index, data, hash, segments, lengthBytes } = patch;
    const isWhole = await this.#withOpen(target, async (file, slot) => {
      slot.base ??= this.#openBase(target, file);
      const base = await slot.base.catch(() => null); // it is gone or cannot be read: the chunk comes in whole
      if (base === null) return false;
      const args = {
        file,
        base: base.file,
        cloned: base.cloned,
        offset: index * this.#chunkBytes,
        segments,
        data,
      };
      return this.#meter.run('destinationWrite', lengthBytes, (moved) =>
        this.#offload.run(writePatchJob, args, moved),
      );
    });
    if (isWhole) this.#noteChunk(target, index, lengthBytes, hash);
    return isWhole;
  }

  /** Where the file system can, the partial file begins as a clone of the version that is there, so that what is equal costs nothing. */
  async #openBase(target: WriteTarget, partial: DiskFile): Promise<Base> {
    const file = await this.#dirs.useParent(target.target, (dir, name) => dir.openFile(name, 'read'));
    const { sizeBytes } = await file.stat();
    const { copies } = partial.caps;
    if (copies === null || (await partial.stat()).sizeBytes > 0) return { file, cloned: false };
    const cloned = await copies.reflink(file, 0, 0, sizeBytes).then(
      () => true,
      () => false, // then each range is copied
    );
    return { file, cloned };
  }

  /**
   * Writes whole small files; one outcome for each. The journal does not speak of them: what is in place is found by size
   * and time when a copy is taken up again, and what is not yet is less than the link had in flight.
   */
  async writePack(files: readonly ArrivedFile[]): Promise<PackOutcome[]> {
    this.#newNames = true;
    return this.#packs.write(files, this.#checkArrival);
  }

  #noteChunk(target: WriteTarget, index: number, lengthBytes: number, hash: Uint8Array): void {
    this.#store.append({ type: 'chunk', fileKey: target.key, index, lengthBytes, hash });
  }

  async #write(
    file: DiskFile,
    piece: { readonly data: Uint8Array; readonly offset: number; readonly hash: Uint8Array | null },
  ): Promise<boolean> {
    const { matches } = await this.#meter.runHashing(
      'destinationWrite',
      piece.data.byteLength,
      (moved) => this.#offload.run(writeChunkJob, { file, ...piece }, moved),
      (written) => written.hashMs,
    );
    return matches;
  }

  /** A file of one chunk is opened for it alone. */
  async #withOwn<T>(target: WriteTarget, work: (file: DiskFile) => Promise<T>): Promise<T> {
    const file = await this.#openToWrite(target);
    try {
      return await work(file);
    } finally {
      await file.close();
      this.#newNames = true;
    }
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
      if (this.#newNames) {
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
    const unflushed = await this.#meter.run('destinationFlush', bytes, () => this.#syncFiles(targets));
    const renamed: WriteTarget[] = [];
    const take = (target: WriteTarget, outcome: FailedFinish | null) => {
      if (outcome === null) renamed.push(target);
      else report(target, outcome);
    };
    const small: WriteTarget[] = [];
    for (const target of targets) {
      const failure = unflushed.get(target) ?? (this.#distrusted.has(target) ? FLUSH_FAILED : null);
      if (failure) take(target, failed(target, failure));
      else if (isSmall(target)) small.push(target);
      else take(target, await this.#finishOne(target));
    }
    await this.#packs.publish(small, (target, outcome) => take(target, finishOutcome(target, outcome)));
    if (renamed.length === 0) return renamed;
    const parents = new Set(renamed.map((target) => splitRel(target.target).parent));
    await this.#meter.run('publish', renamed.length, () => this.#syncParents(parents));
    for (const target of renamed)
      if (this.#declared.delete(target.index)) this.#store.append({ type: 'published', fileKey: target.key });
    return renamed;
  }

  /** Forgets what is there of a file, so that another version of it can be written. */
  async drop(target: WriteTarget): Promise<void> {
    await this.#closeOpen(target.index);
    this.#declared.delete(target.index);
    this.#store.append({ type: 'dropped', fileKey: target.key });
    await this.#removePartial(target);
  }

  async close(): Promise<void> {
    for (const index of [...this.#open.keys()]) await this.#closeOpen(index);
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
    return partialName(target.key);
  }

  #declare(target: WriteTarget): void {
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

  async #withOpen<T>(
    target: WriteTarget,
    work: (file: DiskFile, slot: OpenPartial) => Promise<T>,
  ): Promise<T> {
    let slot = this.#open.get(target.index);
    if (!slot) {
      await this.#trimOpen();
      slot = this.#open.get(target.index) ?? {
        opening: this.#openToWrite(target),
        base: null,
        users: 0,
      };
      this.#open.set(target.index, slot);
      this.#newNames = true;
    }
    slot.users += 1;
    try {
      return await work(await slot.opening, slot);
    } finally {
      slot.users -= 1;
    }
  }

  #openToWrite(target: WriteTarget): Promise<DiskFile> {
    return this.#meter.run('destinationWrite', 0, () =>
      this.#store.dir.openFile(this.#name(target), 'append', 0o600),
    );
  }

  async #trimOpen(): Promise<void> {
    if (this.#open.size < LIMITS.openFilesMax.value) return;
    for (const [index, slot] of this.#open) {
      if (slot.users === 0) return this.#closeOpen(index);
    }
  }

  async #closeOpen(index: number): Promise<void> {
    const slot = this.#open.get(index);
    if (!slot) return;
    this.#open.delete(index);
    const file = await slot.opening.catch(() => null); // the failure to open was reported to the writer of the chunk
    await file?.close();
    const base = await slot.base?.catch(() => null); // it could not be opened
    await base?.file.close();
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
    if (this.#open.has(target.index)) return this.#withOpen(target, (file) => file.datasync());
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
      await this.#closeOpen(target.index);
      const bad = await this.#verify(target);
      if (bad.length > 0) return { kind: 'bad', indexes: bad };
      await this.#publish(target);
      return null;
    } catch (failure) {
      const error = asCausewayError(failure);
      if (isWholeDisk(error)) throw error;
      return failed(target, error);
    }
  }

  /**
   * Re-reads every chunk and gives the indexes that do not match. Mode and time are set last, on the same handle: a
   * mode without write permission would lock out the repair of a bad chunk.
   */
  async #verify(target: WriteTarget): Promise<number[]> {
    const file = await this.#store.dir.openFile(this.#name(target), 'write');
    try {
      const bad = await this.#badChunks(file, target);
      if (bad.length > 0) return bad;
      await settleFile(file, target.entry);
      return bad;
    } finally {
      await file.close();
    }
  }

  /** Several runs of chunks at a time: nothing else is left to do for this file. */
  async #badChunks(file: DiskFile, target: WriteTarget): Promise<number[]> {
    const bad: number[] = [];
    await forEachAtOnce(this.#runsToVerify(target), LIMITS.verifyAtOnceMax.value, async (run) => {
      bad.push(...(await this.#badIn(file, target, run)));
    });
    return isPlanted('skip-verify') ? [] : bad.sort((a, b) => a - b);
  }

  #runsToVerify(target: WriteTarget): { first: number; count: number }[] {
    const each = Math.max(1, Math.floor(LIMITS.verifyRunBytes.value / this.#chunkBytes));
    const trusted = (index: number) => isPlanted('trust-journal') && target.chunks.isDurable(index);
    const runs: { first: number; count: number }[] = [];
    for (let first = 0; first < target.chunks.count; ) {
      let count = 0;
      while (count < each && first + count < target.chunks.count && !trusted(first + count)) count += 1;
      if (count > 0) runs.push({ first, count });
      first += Math.max(1, count);
    }
    return runs;
  }

  async #badIn(
    file: DiskFile,
    target: WriteTarget,
    run: { readonly first: number; readonly count: number },
  ): Promise<number[]> {
    const chunkBytes = this.#chunkBytes;
    const offset = run.first * chunkBytes;
    const lengthBytes = Math.min(run.count * chunkBytes, target.entry.sizeBytes - offset);
    const hashes = target.chunks.hashes(run.first, run.count);
    const bad = await this.#meter.run('verify', lengthBytes, (moved) =>
      this.#offload.run(verifyChunksJob, { file, offset, lengthBytes, chunkBytes, hashes }, moved),
    );
    return bad.map((at) => run.first + at);
  }

  #publish(target: WriteTarget): Promise<void> {
    return this.#meter.run('publish', 0, () =>
      this.#dirs.useParent(target.target, (dir, name) =>
        renameInto(this.#store.dir, this.#name(target), dir, name),
      ),
    );
  }

  async #syncParents(parents: ReadonlySet<RelPath>): Promise<void> {
    if (parents.size >= LIMITS.flushAllFromFiles.value && (await this.#root.syncFileSystem())) return;
    for (const parent of parents) await this.#dirs.use(parent, (dir) => dir.sync());
  }

  async #removePartial(target: WriteTarget): Promise<void> {
    try {
      await this.#store.dir.removeFile(this.#name(target));
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
    }
  }
}

/** Errors that concern the whole destination: going on with the next entry would only repeat them. */
export function isWholeDisk(error: CausewayError): boolean {
  return ['CW_DISK_FULL', 'CW_DISK_QUOTA', 'CW_DISK_READ_ONLY'].includes(error.code);
}

/** Of at most one chunk, and short enough to be read back by one piece of work with many others. */
function isSmall(target: WriteTarget): boolean {
  return target.chunks.count <= 1 && target.entry.sizeBytes <= LIMITS.smallFileMaxBytes.value;
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
