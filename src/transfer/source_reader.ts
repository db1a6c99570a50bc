import { CausewayError } from '../base/errors.ts';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { parseRelPath } from '../base/path.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import type { DiskFile, Stat } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import { readChunkJob } from './disk_jobs.ts';
import { readFully } from './file_io.ts';
import type { SourceFile } from './source_machine.ts';
import { pathBelow, type SourceRoot } from './source_roots.ts';
import type { StageMeter } from './stage_meter.ts';

/** What a read gave: the hash of the bytes, or the attributes of a file that is no longer the planned one. */
export type ReadOutcome =
  | { readonly kind: 'ok'; readonly hash: Uint8Array }
  | { readonly kind: 'changed'; readonly stat: Stat };

interface OpenSourceFile {
  readonly version: number;
  readonly opening: Promise<DiskFile>;
  users: number;
}

/** Reads planned files and notices when one is no longer what was planned. Errors are CW_DISK_*. */
export class SourceReader {
  readonly #roots: readonly SourceRoot[];
  readonly #rootOf: (file: SourceFile) => number;
  readonly #meter: StageMeter;
  readonly #chunkBytes: number;
  readonly #offload: Offload;
  readonly #open = new Map<number, OpenSourceFile>();

  constructor(
    roots: readonly SourceRoot[],
    rootOf: (file: SourceFile) => number,
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
  async readChunk(file: SourceFile, index: number, into: Uint8Array): Promise<ReadOutcome> {
    const handle = await this.#handle(file);
    try {
      const opened = await handle.opening;
      const offset = index * this.#chunkBytes;
      const { hash } = await this.#meter.runHashing(
        'sourceRead',
        into.byteLength,
        (moved) => this.#offload.run(readChunkJob, { file: opened, into, offset }, moved),
        (read) => read.hashMs,
      );
      if (hash === null) return { kind: 'changed', stat: await opened.stat() };
      return { kind: 'ok', hash };
    } finally {
      handle.users -= 1;
    }
  }

  /** Reads a whole small file into `into`, which has its planned length. */
  async readWhole(file: SourceFile, into: Uint8Array): Promise<ReadOutcome> {
    const opened = await this.#openAt(file);
    try {
      const before = await opened.stat();
      if (!sameFile(before, file.entry)) return { kind: 'changed', stat: before };
      const count = await this.#meter.run('sourceRead', into.byteLength, (moved) =>
        readFully(opened, into, 0, moved),
      );
      const after = await opened.stat();
      if (count < into.byteLength || !sameFile(after, file.entry)) return { kind: 'changed', stat: after };
      return { kind: 'ok', hash: await this.#hash(into) };
    } finally {
      await opened.close();
    }
  }

  /** The last look at a file that was read: null where it is still what was planned, else what it is now. Closes it. */
  async lastLook(file: SourceFile): Promise<Stat | null> {
    const handle = await this.#handle(file);
    try {
      const now = await (await handle.opening).stat();
      const named = await this.#statName(file);
      if (!sameFile(now, file.entry)) return now;
      return sameFile(named, file.entry) ? null : named;
    } finally {
      handle.users -= 1;
      await this.forget(file);
    }
  }

  async forget(file: SourceFile): Promise<void> {
    const handle = this.#open.get(file.index);
    if (!handle || handle.users > 0) return;
    this.#open.delete(file.index);
    const opened = await handle.opening.catch(() => null); // the failure to open was reported to its reader
    await opened?.close();
  }

  async close(): Promise<void> {
    for (const [index, handle] of [...this.#open]) {
      this.#open.delete(index);
      const opened = await handle.opening.catch(() => null); // as above
      await opened?.close();
    }
  }

  #hash(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#meter.run('hash', bytes.byteLength, async () => hashBytes(bytes));
  }

  async #handle(file: SourceFile): Promise<OpenSourceFile> {
    let handle = this.#open.get(file.index);
    if (handle && handle.version !== file.version && handle.users === 0) {
      await this.forget(file);
      handle = this.#open.get(file.index);
    }
    if (!handle) {
      this.#trim();
      handle = { version: file.version, opening: this.#openAt(file), users: 0 };
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
      handle.opening.then((opened) => opened.close()).catch(() => undefined); // closing a file that was only read loses nothing
      return;
    }
  }

  async #openAt(file: SourceFile): Promise<DiskFile> {
    const root = this.#roots[this.#rootOf(file)]!;
    const path = pathBelow(root, parseRelPath(file.entry.path));
    const opened = await this.#meter.run('sourceRead', 0, () =>
      root.dirs.useParent(path, (dir, name) => dir.openFile(name, 'read')),
    );
    return opened;
  }

  #statName(file: SourceFile): Promise<Stat> {
    const root = this.#roots[this.#rootOf(file)]!;
    return root.dirs.useParent(pathBelow(root, parseRelPath(file.entry.path)), (dir, name) => dir.stat(name));
  }
}

/** A file is the planned one while size, times and inode are: writing changes mtime and ctime, replacing the inode. */
export function sameFile(stat: Stat, entry: PlanEntry): boolean {
  return (
    stat.kind === 'file' &&
    stat.sizeBytes === entry.sizeBytes &&
    stat.mtimeNs === entry.mtimeNs &&
    stat.ctimeNs === entry.ctimeNs &&
    stat.inode === entry.inode
  );
}

/** The plan entry of what a changed file is now; CW_COPY_SOURCE_CHANGED where it is no file any more. */
export function entryOfChanged(entry: PlanEntry, stat: Stat): PlanEntry {
  if (stat.kind !== 'file')
    throw new CausewayError('CW_COPY_SOURCE_CHANGED', `${entry.path} is no longer a file`);
  return {
    ...entry,
    sizeBytes: stat.sizeBytes,
    mode: stat.mode,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    inode: stat.inode,
  };
}
