import { totalBytes } from '../base/bytes.ts';
import { asCausewayError, CausewayError, fromReport } from '../base/errors.ts';
import { hashAt } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { type Name, parseRelPath, type RelPath } from '../base/path.ts';
import { DetailReader } from '../tree/entry_details.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import type { DiskFile, Stat } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import { isCarriedTime } from './carried_time.ts';
import { type RunRead, readChunksJob } from './chunk_run_jobs.ts';
import type { BlockHashes } from './delta/same_blocks.ts';
import { compareBlocksJob, readChunkJob } from './disk_jobs.ts';
import { type FolderGroup, groupByFolder } from './folder_groups.ts';
import { type PackRead, readPackJob, type SourceColumns } from './pack_jobs.ts';
import { forgetPages, mayForget } from './page_cache.ts';
import { toEntry } from './plan_entry.ts';
import { sameFile } from './same_file.ts';
import { pathBelow, type SourceRoot } from './source_roots.ts';
import { knowsHoles } from './sparse_read.ts';
import type { StageMeter } from './stage_meter.ts';

/** What a read gave: the hash of the bytes, or the attributes of a file that is no longer the planned one. */
export type PackOutcome = ReadOutcome | { readonly kind: 'failed'; readonly error: CausewayError };

/** Small files of one source that are read in one go. */
interface PackGroup {
  readonly root: number;
  readonly folders: readonly RelPath[];
  readonly files: SourceColumns;
  readonly bytes: number;
}

/** What a read of a chunk gave. */
export type ReadOutcome =
  | {
      readonly kind: 'ok';
      readonly hash: Uint8Array;
      /** Whether all bytes of a chunk are zeros. */
      readonly zeros: boolean;
      /** Where blocks were asked for: which of them are the same (1). */
      readonly same: Uint8Array | null;
    }
  | { readonly kind: 'changed'; readonly stat: Stat };

/** What a reader has to know of a source. */
export type ReadableRoot = Omit<SourceRoot, 'stat'>;

/** What a reader has to know of a file of the plan. */
export interface PlannedFile {
  readonly index: number;
  readonly entry: PlanEntry;
  readonly version: number;
}

interface Opened {
  readonly file: DiskFile;
  /** It has some that need not be read. */
  readonly holes: boolean;
  /** What was read of it stays in nobody's memory. */
  readonly forget: boolean;
}

interface OpenSourceFile {
  readonly version: number;
  readonly opening: Promise<Opened>;
  users: number;
}

/** Reads planned files and notices when one is no longer what was planned. Errors are CW_DISK_*. */
export class SourceReader {
  readonly #roots: readonly ReadableRoot[];
  readonly #rootOf: (file: PlannedFile) => number;
  readonly #meter: StageMeter;
  readonly #chunkBytes: number;
  readonly #offload: Offload;
  readonly #open = new Map<number, OpenSourceFile>();

  constructor(
    roots: readonly ReadableRoot[],
    rootOf: (file: PlannedFile) => number,
    meter: StageMeter,
    chunkBytes: number,
    offload: Offload,
  ) {
    this.#roots = roots;
    this.#rootOf = rootOf;
    this.#meter = meter;
    this.#chunkBytes = chunkBytes;
    this.#offload = offload;
  }

  /** Reads one chunk into `into`, which is shared memory and has its length. */
  async readChunk(
    file: PlannedFile,
    index: number,
    into: Uint8Array,
    blocks: BlockHashes | null = null,
  ): Promise<ReadOutcome> {
    return this.withFile(file, async (opened, { holes, forget }) => {
      const offset = index * this.#chunkBytes;
      const { hash, zeros, same } = await this.#meter.runHashing(
        'sourceRead',
        into.byteLength,
        (moved) =>
          this.#offload.run(readChunkJob, { file: opened, into, offset, blocks, holes, forget }, moved),
        (read) => read.hashMs,
      );
      if (hash === null) return { kind: 'changed', stat: await opened.stat() };
      return { kind: 'ok', hash, zeros, same };
    });
  }

  /**
   * Reads chunks that follow each other from `index`, each into its piece of `into`, which are shared memory and have their
   * lengths. `changed` tells what the file is now where not all could be read.
   */
  async readChunks(
    file: PlannedFile,
    index: number,
    into: readonly Uint8Array[],
    blocks: BlockHashes | null,
  ): Promise<{ readonly read: RunRead; readonly changed: Stat | null }> {
    return this.withFile(file, async (opened, { holes, forget }) => {
      const offset = index * this.#chunkBytes;
      const read = await this.#meter.runHashing(
        'sourceRead',
        totalBytes(into),
        (moved) =>
          this.#offload.run(readChunksJob, { file: opened, into, offset, holes, forget, blocks }, moved),
        ({ hashMs }) => hashMs,
      );
      return { read, changed: read.count < into.length ? await opened.stat() : null };
    });
  }

  /** Which blocks of a chunk that is read already, in shared memory, are the same (1). */
  async compareBlocks(bytes: Uint8Array, blocks: BlockHashes): Promise<Uint8Array> {
    const { same } = await this.#meter.runHashing(
      'sourceRead',
      0,
      (moved) => this.#offload.run(compareBlocksJob, { bytes, blocks }, moved),
      (compared) => compared.hashMs,
    );
    return same;
  }

  /** Works on the open file; it may stay open afterwards, for the next one who reads it. */
  async withFile<T>(file: PlannedFile, work: (opened: DiskFile, about: Opened) => Promise<T>): Promise<T> {
    const handle = await this.#handle(file);
    try {
      const opened = await handle.opening;
      return await work(opened.file, opened);
    } finally {
      handle.users -= 1;
    }
  }

  /**
   * Reads whole small files one after the other into `into`, which is shared memory and has room for their planned
   * sizes. One outcome for each.
   */
  async readPack(files: readonly PlannedFile[], into: Uint8Array): Promise<PackOutcome[]> {
    const outcomes: PackOutcome[] = [];
    let offset = 0;
    for (const group of this.#groupsOf(files)) {
      outcomes.push(...(await this.#readGroup(group, into, offset)));
      offset += group.bytes;
    }
    return outcomes;
  }

  /** Files in a row that come from one source. */
  *#groupsOf(files: readonly PlannedFile[]): Generator<PackGroup> {
    for (let first = 0; first < files.length; ) {
      const root = this.#rootOf(files[first]!);
      let end = first + 1;
      while (end < files.length && this.#rootOf(files[end]!) === root) end += 1;
      const most = LIMITS.packFilesMax.value;
      const pathOf = (file: PlannedFile) => pathBelow(this.#roots[root]!, file.entry.path as RelPath); // this side made the plan
      for (const { folders, items } of groupByFolder(files.slice(first, end), pathOf, most, most)) {
        const columns = columnsOf(items);
        const bytes = columns.sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0);
        yield { root, folders, files: columns, bytes };
      }
      first = end;
    }
  }

  async #readGroup(group: PackGroup, into: Uint8Array, offset: number): Promise<PackOutcome[]> {
    const view = into.subarray(offset, offset + group.bytes);
    const { dir: root } = this.#roots[group.root]!;
    const { folders, files } = group;
    let read: PackRead;
    try {
      read = await this.#meter.runHashing(
        'sourceRead',
        group.bytes,
        (moved) => this.#offload.run(readPackJob, { root, folders, files, into: view }, moved),
        (result) => result.hashMs,
      );
    } catch (failure) {
      const error = asCausewayError(failure); // what is wrong with a folder is told of its files
      return files.names.map(() => ({ kind: 'failed', error }));
    }
    const outcomes: PackOutcome[] = group.files.names.map((_, at) => ({
      kind: 'ok',
      hash: hashAt(read.hashes, at),
      zeros: false,
      same: null,
    }));
    for (const { at, stat } of read.changed) outcomes[at] = { kind: 'changed', stat };
    for (const { at, code, message } of read.failures)
      outcomes[at] = { kind: 'failed', error: fromReport({ code, message }) };
    return outcomes;
  }

  /** The last look at a file that was read: null where it is still what was planned, else what it is now. Closes it. */
  async lastLook(file: PlannedFile): Promise<Stat | null> {
    const handle = await this.#handle(file);
    try {
      const now = await (await handle.opening).file.stat();
      const named = await this.#statName(file);
      if (!sameFile(now, file.entry)) return now;
      return sameFile(named, file.entry) ? null : named;
    } finally {
      handle.users -= 1;
      await this.forget(file);
    }
  }

  async forget(file: PlannedFile): Promise<void> {
    const handle = this.#open.get(file.index);
    if (!handle || handle.users > 0) return;
    this.#open.delete(file.index);
    const opened = await handle.opening.catch(() => null); // the failure to open was reported to its reader
    if (opened) await closeOpened(opened);
  }

  async close(): Promise<void> {
    for (const [index, handle] of [...this.#open]) {
      this.#open.delete(index);
      const opened = await handle.opening.catch(() => null); // as above
      if (opened) await closeOpened(opened);
    }
  }

  async #handle(file: PlannedFile): Promise<OpenSourceFile> {
    let handle = this.#open.get(file.index);
    if (handle && handle.version !== file.version && handle.users === 0) {
      await this.forget(file);
      handle = this.#open.get(file.index);
    }
    if (!handle) {
      this.#trim();
      handle = this.#openAt(file);
      this.#open.set(file.index, handle);
      handle.opening.catch(() => this.#open.delete(file.index));
    }
    handle.users += 1;
    return handle;
  }

  #trim(): void {
    if (this.#open.size < LIMITS.openFilesMax.value) return;
    for (const [index, handle] of this.#open) {
      if (handle.users > 0) continue;
      this.#open.delete(index);
      handle.opening.then(closeOpened).catch(() => undefined); // closing a file that was only read loses nothing
      return;
    }
  }

  #openAt(file: PlannedFile): OpenSourceFile {
    const root = this.#roots[this.#rootOf(file)]!;
    const path = pathBelow(root, parseRelPath(file.entry.path));
    const { dataBytes, sizeBytes } = file.entry;
    const isSparse = dataBytes !== undefined && dataBytes < sizeBytes;
    const opening = this.#meter.run('sourceRead', 0, () =>
      root.dirs.useParent(path, async (dir, name) => {
        const file = await dir.openFile(name, 'read');
        const holes = isSparse && knowsHoles(await dir.space());
        return { file, holes, forget: await mayForget(file, sizeBytes) };
      }),
    );
    return { version: file.version, opening, users: 0 };
  }

  /** The plan entry of what a changed file is now; CW_COPY_SOURCE_CHANGED where it is no file any more. */
  async entryOf(file: PlannedFile, stat: Stat): Promise<PlanEntry> {
    const { path, linkTarget } = file.entry;
    if (stat.kind !== 'file')
      throw new CausewayError('CW_COPY_SOURCE_CHANGED', `${path} is no longer a file`);
    if (!isCarriedTime(stat.mtimeNs))
      throw new CausewayError('CW_UNSUPPORTED', `the time of ${path} lies outside of the years 1677 to 2262`);
    const root = this.#roots[this.#rootOf(file)]!;
    const details = await root.dirs.useParent(pathBelow(root, parseRelPath(path)), (dir, name) =>
      new DetailReader(dir).of(name, stat),
    );
    return toEntry(path, { stat, linkTarget, details });
  }

  #statName(file: PlannedFile): Promise<Stat> {
    const root = this.#roots[this.#rootOf(file)]!;
    return root.dirs.useParent(pathBelow(root, parseRelPath(file.entry.path)), (dir, name) => dir.stat(name));
  }
}

/** What the system has read ahead goes too. */
async function closeOpened({ file, forget }: Opened): Promise<void> {
  if (forget) await forgetPages(file, 0, 0);
  await file.close();
}

function columnsOf(items: FolderGroup<PlannedFile>['items']): SourceColumns {
  const count = items.length;
  const columns = {
    folders: new Uint16Array(count),
    names: new Array<Name>(count),
    sizes: new Uint32Array(count),
    mtimesNs: new BigInt64Array(count),
    ctimesNs: new BigInt64Array(count),
    inodes: new Array<string>(count),
  };
  for (let at = 0; at < count; at += 1) {
    const { item, folder, name } = items[at]!;
    const { sizeBytes, mtimeNs, ctimeNs, inode } = item.entry;
    columns.folders[at] = folder;
    columns.names[at] = name;
    columns.sizes[at] = sizeBytes;
    columns.mtimesNs[at] = mtimeNs;
    columns.ctimesNs[at] = ctimeNs;
    columns.inodes[at] = inode;
  }
  return columns;
}
