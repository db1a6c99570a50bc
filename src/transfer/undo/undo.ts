import { toHex } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  joinRel,
  type Name,
  parseName,
  parseRelPath,
  type RelPath,
  splitAbsolute,
  splitRel,
} from '../../base/path.ts';
import { DirCache } from '../../tree/dir_cache.ts';
import type { Problem } from '../../wire/copy_types.ts';
import type { UndoAttrs, UndoEntries, UndoEntry, UndoFolder, UndoRecord } from '../../wire/undo_record.ts';
import type { Dir } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import { sameEntry } from './identity.ts';
import { statOrNull } from './keep_job.ts';
import { holdUndo } from './quota.ts';
import { UndoLog } from './read_log.ts';
import { restoreAttrs } from './restore_attrs.ts';
import { RESTORE_OUTCOME, restoreJob } from './restore_job.ts';
import {
  attemptOf,
  goneName,
  isKeptName,
  keptName,
  openOrNull,
  removeUndoSet,
  withUndoFolder,
} from './store.ts';
import { restoreXattrs } from './xattr_changes.ts';

/** What an undo did. With problems, what is kept stays, so that it can be tried again. */
export interface UndoReport {
  /** Entries that stand there again as before. */
  readonly restored: number;
  /** Entries that the copy had made and that are gone. */
  readonly removed: number;
  /** The first LIMITS.problemsListMax of them. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
}

/** What an undo did in one folder, and the paths of all entries that it left. */
export interface Undone {
  readonly report: UndoReport;
  readonly left: ReadonlySet<string>;
}

export function addReports(a: UndoReport, b: UndoReport): UndoReport {
  return {
    restored: a.restored + b.restored,
    removed: a.removed + b.removed,
    problems: [...a.problems, ...b.problems].slice(0, LIMITS.problemsListMax.value),
    problemCount: a.problemCount + b.problemCount,
  };
}

/** Owner's permissions that undo needs in a folder. */
const OWNER_ALL = 0o700;
/** The last change of a folder by a copy follows the last write of its record within this time. */
const AFTERMATH_NS = 10_000_000_000n;

/**
 * Takes back what the copy `undoId` did below `root`: byte for byte, with modes, owners and times. Whatever is not what
 * the copy put there is left and told. May be cut off at any moment and run again: what was done is found done. Null
 * where nothing is kept of that copy. Stable when it resolves. Entries at the paths `left` are not touched.
 */
export async function undoCopy(
  world: World,
  folder: string,
  undoId: Uint8Array,
  left: ReadonlySet<string> = new Set(),
): Promise<Undone | null> {
  await using root = await world.disk.openRoot(folder);
  const release = holdUndo(world, undoId);
  try {
    return await undoIn(world, { root, folder, left }, undoId);
  } finally {
    release();
  }
}

interface Where {
  readonly root: Dir;
  readonly folder: string;
  readonly left: ReadonlySet<string>;
}

async function undoIn(world: World, where: Where, undoId: Uint8Array): Promise<Undone | null> {
  const { root } = where;
  const name = parseName(toHex(undoId));
  const rootBefore = await root.self();
  const done = await withUndoFolder(root, async (sets) => {
    const store = await openOrNull(sets, name);
    if (store === null) return null;
    const run = new UndoRun(world, { ...where, store, rootSeenNs: rootBefore.mtimeNs });
    try {
      return { report: await run.run(), left: run.left, rootMtimeNs: run.rootMtimeNs };
    } finally {
      await run.close();
      await store.close();
    }
  });
  if (done === null) {
    await removeUndoSet(root, goneName(name)); // what a crash between two removals has left
    return null;
  }
  const { report, left, rootMtimeNs } = done;
  if (report.problemCount === 0) await removeUndoSet(root, name);
  if (rootMtimeNs !== null) await setRootTime(world, where, rootMtimeNs);
  return { report, left };
}

/** The folder that took the copy is not below itself: its time is set from above, unless it is reached by a symlink. */
async function setRootTime(world: World, { root, folder }: Where, mtimeNs: bigint): Promise<void> {
  const { folder: above, name } = splitAbsolute(folder);
  if (name === '') return;
  await using parent = await world.disk.openRoot(above);
  const stat = await statOrNull(parent, parseName(name));
  if (stat === null || !sameEntry(stat, await root.self())) return;
  await parent.setAttrs(parseName(name), { mtimeNs });
  await root.sync();
}

class UndoRun {
  /** Time of the folder that took the copy, where nothing else has changed it since; else null. */
  rootMtimeNs: bigint | null = null;
  readonly #world: World;
  readonly #store: Dir;
  readonly #dirs: DirCache;
  readonly #rootSeenNs: bigint;
  readonly #touched = new Set<RelPath>();
  /** Files whose attributes were given back. */
  readonly #changed = new Set<RelPath>();
  readonly #root: Dir;
  readonly #problems: Problem[] = [];
  /** Entries that were left: what an earlier attempt has recorded of them comes behind that and waits too. */
  readonly #left: Set<string>;
  /**
   * Entries of which a record does not fit what is there. Where an earlier attempt has recorded them too, an undo that
   * was cut off has taken that record back already.
   */
  readonly #doubtful = new Map<string, Pick<Problem, 'code' | 'message'>>();
  #problemCount = 0;
  #restored = 0;
  #removed = 0;

  constructor(world: World, where: Where & { readonly store: Dir; readonly rootSeenNs: bigint }) {
    const { root, store, rootSeenNs, left } = where;
    this.#left = new Set(left);
    this.#world = world;
    this.#root = root;
    this.#store = store;
    this.#dirs = new DirCache(root);
    this.#rootSeenNs = rootSeenNs;
  }

  get left(): ReadonlySet<string> {
    return this.#left;
  }

  async run(): Promise<UndoReport> {
    const attempts: number[] = [];
    for await (const { rawName } of this.#store.list()) {
      const attempt = attemptOf(rawName);
      if (attempt !== null) attempts.push(attempt);
    }
    attempts.sort((a, b) => b - a);
    const recorded = new Set<Name>();
    for (const attempt of attempts) {
      await using log = await UndoLog.open(this.#store, attempt);
      for await (const record of log.forwards()) {
        if (record.type === 'folder') await this.#open(record);
        if (record.type !== 'entries') continue;
        for (const { kept } of record.entries) if (kept !== null) recorded.add(keptName(attempt, kept));
      }
    }
    await this.#dropOrphans(recorded);
    // folders come last: a mode that was there before may lock out what is still to be put back
    for (const wanted of ['entries', 'folders'] as const) {
      for (const attempt of attempts) {
        await using log = await UndoLog.open(this.#store, attempt);
        // a later attempt may have given a folder the mode back that it had between the two
        if (wanted === 'folders')
          for await (const record of log.forwards()) if (record.type === 'folder') await this.#open(record);
        for await (const record of log.backwards())
          if ((record.type === 'folder') === (wanted === 'folders')) await this.#takeBack(record, log);
      }
      // what is back in a folder has left the store for good before that folder is removed
      await this.#flush();
    }
    for (const [path, { code, message }] of this.#doubtful) this.#leave(path, code, message);
    return {
      restored: this.#restored,
      removed: this.#removed,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  async close(): Promise<void> {
    await this.#dirs[Symbol.asyncDispose]();
  }

  /** A folder that lets nobody write gets its mode back when its turn comes. */
  async #open({ path }: UndoFolder): Promise<void> {
    if (path === '') return;
    try {
      await this.#dirs.useParent(parseRelPath(path), async (dir, name) => {
        const stat = await statOrNull(dir, name);
        if (stat?.kind !== 'directory' || (stat.mode & OWNER_ALL) === OWNER_ALL) return;
        await dir.setAttrs(name, { mode: stat.mode | OWNER_ALL });
      });
    } catch (failure) {
      if (!isGone(failure)) throw failure;
    }
  }

  async #takeBack(record: UndoRecord, log: UndoLog): Promise<void> {
    try {
      if (record.type === 'entries') await this.#entries(record, log);
      else if (record.type === 'folder') await this.#folder(record, log);
      else if (record.type === 'attrs') await this.#attrs(record);
      else if (record.type === 'refused')
        this.#problem(record.path, 'CW_UNDO_LOST', `what stood there was not kept: ${record.message}`);
      else if (record.type === 'stopped') {
        const message = `from this entry on nothing was kept: ${record.message}`;
        this.#problem(record.path, 'CW_UNDO_LOST', message);
      }
    } catch (failure) {
      const error = asCausewayError(failure);
      if (error.code === 'CW_DISK_FULL' || error.code === 'CW_DISK_READ_ONLY') throw error;
      this.#problem('path' in record ? record.path : '', error.code, error.message);
    }
  }

  async #entries({ folder, entries: all }: UndoEntries, { attempt, chunkBytes }: UndoLog): Promise<void> {
    const entries = all.filter(({ name }) => !this.#left.has(pathOf(folder, name)));
    if (entries.length === 0) return;
    const parent = parseRelPath(folder);
    let result: Awaited<ReturnType<(typeof restoreJob)['run']>>;
    try {
      result = await this.#dirs.use(parent, (dir) =>
        this.#world.offload.run(restoreJob, { store: this.#store, dir, attempt, chunkBytes, entries }),
      );
    } catch (failure) {
      if (!isGone(failure)) {
        for (const { name } of entries) this.#left.add(pathOf(folder, name));
        throw failure;
      }
      for (const { name, kept } of entries) {
        if (kept === null || (await statOrNull(this.#store, keptName(attempt, kept))) === null) continue;
        const message = 'its folder is gone; what stood there before stays kept';
        this.#leave(pathOf(folder, name), 'CW_UNDO_CHANGED', message);
      }
      return;
    }
    this.#touched.add(parent);
    const failures = new Map(result.failures.map((failure) => [failure.at, failure]));
    for (const [at, entry] of entries.entries()) {
      const failure = failures.get(at);
      const path = pathOf(folder, entry.name);
      if (failure) this.#leave(path, failure.code, failure.message);
      else this.#note(path, entry, result.outcomes[at]!);
    }
  }

  #note(path: string, { kept }: UndoEntry, outcome: number): void {
    if (outcome === RESTORE_OUTCOME.restored) this.#restored += 1;
    if (outcome === RESTORE_OUTCOME.removed) this.#removed += 1;
    if (outcome === RESTORE_OUTCOME.lost)
      this.#doubtful.set(path, { code: 'CW_UNDO_LOST', message: 'what stood there is no longer kept' });
    else this.#doubtful.delete(path);
    if (outcome !== RESTORE_OUTCOME.changed) return;
    const left = kept === null ? '' : '; what stood there before stays kept';
    this.#leave(path, 'CW_UNDO_CHANGED', `it was changed since the copy and was left as it is${left}`);
  }

  async #folder(record: UndoFolder, log: UndoLog): Promise<void> {
    const { path, made, mode, mtimeNs } = record;
    if (path === '') {
      const untouched = this.#rootSeenNs <= log.writtenNs + AFTERMATH_NS;
      this.rootMtimeNs = untouched ? mtimeNs : null;
      return;
    }
    const target = parseRelPath(path);
    try {
      this.#dirs.forget(target);
      await this.#dirs.useParent(target, async (dir, name) => {
        const stat = await statOrNull(dir, name);
        if (stat?.kind !== 'directory') return;
        if (made) await this.#removeFolder(dir, name, path);
        else {
          const { userId, groupId, xattrs } = record;
          const owned = stat.userId === userId && stat.groupId === groupId;
          if (!owned) await dir.setAttrs(name, { userId, groupId });
          await restoreXattrs(dir.caps.xattrsOf(name), xattrs);
          await dir.setAttrs(name, { mode, mtimeNs });
        }
      });
      this.#touched.add(splitRel(target).parent).add(target);
    } catch (failure) {
      if (!isGone(failure)) throw failure;
    }
  }

  async #removeFolder(dir: Dir, name: Name, path: string): Promise<void> {
    try {
      await dir.removeDir(name);
      this.#removed += 1;
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_NOT_EMPTY') throw failure;
      this.#problem(
        path,
        'CW_UNDO_CHANGED',
        'the folder holds what the copy did not put there, and was left',
      );
    }
  }

  async #attrs(record: UndoAttrs): Promise<void> {
    const { path } = record;
    if (this.#left.has(path)) return;
    try {
      const target = parseRelPath(path);
      const outcome = await this.#dirs.useParent(target, (dir, name) => restoreAttrs(dir, name, record));
      if (outcome === 'restored') this.#restored += 1;
      // flushed also where an undo that was cut off has given them back: it may not have come to its flush
      this.#changed.add(target);
      this.#touched.add(splitRel(target).parent);
      const message = 'it was changed since the copy: owner, mode and attributes stay';
      if (outcome === 'changed') this.#doubtful.set(path, { code: 'CW_UNDO_CHANGED', message });
    } catch (failure) {
      if (!isGone(failure)) throw failure;
    }
  }

  /**
   * What is kept without a record belongs to a record that was cut off before the entry was replaced: then that still
   * has its other name, now and not any more once others are put back. One that has none was lost with a damaged
   * record: it is left for its owner to find.
   */
  async #dropOrphans(recorded: ReadonlySet<Name>): Promise<void> {
    const orphans: Name[] = [];
    for await (const { name } of this.#store.list())
      if (name !== null && isKeptName(name) && !recorded.has(name)) orphans.push(name);
    for (const name of orphans) {
      const stat = await this.#store.stat(name);
      if (stat.kind !== 'directory' && stat.linkCount > 1) {
        await this.#store.removeFile(name);
        continue;
      }
      const message = 'what is kept under this name has no readable record';
      this.#problem(`.causeway/undo/…/${name}`, 'CW_UNDO_LOST', message);
    }
    if (orphans.length > 0) await this.#store.sync();
  }

  /** A file whose mode lets nobody read it has its attributes flushed with its folder, as far as the file system does that. */
  async #syncFile(path: RelPath): Promise<void> {
    try {
      await this.#dirs.useParent(path, async (dir, name) => {
        await using file = await dir.openFile(name, 'read');
        await file.datasync();
      });
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_PERMISSION' && !isGone(failure)) throw failure;
    }
  }

  /** Names of folders that were removed are gone from the list with them. */
  async #flush(): Promise<void> {
    const { size } = this.#touched;
    if (size + this.#changed.size >= LIMITS.flushAllFromFiles.value && (await this.#root.syncFileSystem()))
      return;
    for (const path of this.#changed) await this.#syncFile(path);
    for (const path of this.#touched) {
      this.#dirs.forget(path);
      try {
        await this.#dirs.use(path, (dir) => dir.sync());
      } catch (failure) {
        if (!isGone(failure)) throw failure;
      }
    }
    await this.#store.sync();
  }

  #leave(path: string, code: string, message: string): void {
    this.#left.add(path);
    this.#problem(path, code, message);
  }

  #problem(path: string, code: string, message: string): void {
    this.#problemCount += 1;
    if (this.#problems.length >= LIMITS.problemsListMax.value) return;
    this.#problems.push({ path: path.slice(0, 256), code, message: message.slice(0, 256) });
  }
}

function pathOf(folder: string, name: string): string {
  return joinRel(parseRelPath(folder), parseName(name));
}

/** Somebody has removed the folder, or put something else in its place: nothing of the copy is there. */
function isGone(failure: unknown): boolean {
  const { code } = asCausewayError(failure);
  return code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_NOT_DIRECTORY' || code === 'CW_DISK_SYMLINK';
}
