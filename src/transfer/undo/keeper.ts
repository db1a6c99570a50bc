import { asCausewayError, CausewayError, fromReport } from '../../base/errors.ts';
import { isPlanted } from '../../base/fault_points.ts';
import { LIMITS } from '../../base/limits.ts';
import { isDirectlyIn, type Name, nameBelow, type RelPath, splitRel } from '../../base/path.ts';
import type { DirCache } from '../../tree/dir_cache.ts';
import type { PlanEntry, UndoFigures } from '../../wire/copy_types.ts';
import {
  encodeUndoRecord,
  UNDO_INODE_BYTES,
  type UndoAttrs,
  type UndoEntry,
  type UndoRecord,
  type UndoXattr,
} from '../../wire/undo_record.ts';
import type { Dir, Stat } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import { type FolderGroup, groupByFolder } from '../folder_groups.ts';
import { FreshFolders } from '../fresh_folders.ts';
import type { MetadataRules } from '../metadata.ts';
import type { Placed } from '../sink_plan.ts';
import { earlierCounts, type UndoCounts } from './earlier.ts';
import { inodeMark, type UndoMark } from './identity.ts';
import { KEEP_OUTCOME, keepJob, statOrNull } from './keep_job.ts';
import { nothingAt } from './placing.ts';
import { UndoQuota } from './quota.ts';
import { keptName, UndoStore, unsureName } from './store.ts';
import { xattrChanges } from './xattr_changes.ts';

/** An entry that is about to get its name. */
export interface Placing extends UndoMark {
  readonly target: RelPath;
}

export interface UndoKeeperParts {
  readonly world: World;
  readonly root: Dir;
  readonly dirs: DirCache;
  readonly undoId: Uint8Array;
  readonly destination: string;
  readonly chunkBytes: number;
  /** `require`: what cannot be kept is not replaced. */
  readonly mode: 'auto' | 'require';
  /** Default: LIMITS.undoQuotaMaxBytes or its part of the file system. */
  readonly quotaBytes?: number;
}

/** An entry that the copy is about to take away, and what it and all below it take from the device. */
export interface Leaving {
  readonly target: RelPath;
  readonly stat: Stat;
  readonly bytes: number;
}

/** Where an entry goes that is taken away. */
export interface TakenPlace {
  readonly store: Dir;
  readonly name: Name;
}

/** Why entries must not be replaced. */
export type KeepFailures = ReadonlyMap<Placing, CausewayError>;

/** An entry with what stood in its place. */
interface Recorded extends Pick<UndoEntry, 'kept' | 'keptInode'> {
  readonly placing: Placing;
}

interface PendingCopy {
  readonly from: Name;
  readonly to: Name;
}

/** Errors that say of an entry that it cannot be kept, whenever it is tried. */
const CANNOT_KEEP: ReadonlySet<string> = new Set([
  'CW_UNDO_IMPOSSIBLE',
  'CW_DISK_PERMISSION',
  'CW_UNSUPPORTED',
]);

const NONE: KeepFailures = new Map();

/**
 * Keeps what a copy replaces, and records what stood at its destination, before anything changes there: `keep`, then
 * `stable`, then the rename. A folder that this attempt makes can hold nothing, so that its entries cost no look at the
 * disk. What only repeats what is there leaves nothing behind.
 */
export class UndoKeeper {
  readonly #parts: UndoKeeperParts;
  readonly #quota: UndoQuota;
  /** Folders that this attempt makes. */
  readonly #fresh = new FreshFolders();
  #rootBefore: Stat | null = null;
  #store: UndoStore | null = null;
  /** Records that matter only once something changes. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #keeping: Promise<unknown> = Promise.resolve();
  #syncing: Promise<unknown> = Promise.resolve();
  #unsure: PendingCopy[] = [];
  #nextNumber = 0;
  #stoppedAt: string | null = null;
  #figures = { kept: 0, bytes: 0, made: 0, changed: 0, missing: 0 };
  #missingFrom: string | null = null;
  #earlier: UndoCounts | null = null;
  #lastMs = 0;

  constructor(parts: UndoKeeperParts) {
    this.#parts = parts;
    this.#quota = new UndoQuota(parts);
  }

  /** What is kept so far; null where nothing was recorded. */
  get figures(): UndoFigures | null {
    const earlier = this.#earlier;
    if (this.#store === null && earlier === null) return null;
    const { kept, bytes, made, changed, missing } = this.#figures;
    const lastMs = Math.max(this.#lastMs, earlier?.writtenMs ?? 0);
    return {
      kept: kept + (earlier?.kept ?? 0),
      bytes: bytes + (earlier?.bytes ?? 0),
      made: made + (earlier?.made ?? 0),
      changed: changed + (earlier?.changed ?? 0),
      missing: missing + (earlier?.missing ?? 0),
      missingFrom: earlier?.missingFrom ?? this.#missingFrom,
      untilMs: Math.floor(lastMs + LIMITS.undoKeepMs.value),
    };
  }

  /** `rootBefore` is the destination's folder before anything was made in it. */
  async begin(rootBefore: Stat): Promise<void> {
    this.#rootBefore = rootBefore;
    await this.#quota.expire();
    this.#earlier = await earlierCounts(this.#parts.root, this.#parts.undoId);
  }

  /**
   * Records folders of the plan, parents first, before they are made or changed; those that are `settled` stand there as
   * they are planned. Stable when it resolves.
   */
  async folders(
    folders: Iterable<Placed>,
    rules: MetadataRules,
    settled: (folder: Placed) => boolean = () => false,
  ): Promise<void> {
    let changes = false;
    for (const folder of folders) {
      const { target, entry } = folder;
      if (target === '') continue;
      const found = settled(folder) ? asPlanned(entry) : await this.#folderBefore(target, entry, rules);
      if (found !== null && found.stat.kind !== 'directory') continue; // told when it is made
      if (found === null) this.#fresh.add(target);
      changes ||= found === null || found.changes;
      if (found === null) this.#figures.made += 1;
      await this.#hold(folderRecord(target, found?.stat ?? null, found?.xattrs ?? []));
    }
    if (!changes) return;
    await this.#open();
    await this.stable();
  }

  /** Begins the record, where there is none yet: something is going to be kept. */
  ready(): Promise<void> {
    const begun = this.#keeping.then(async () => {
      if (this.#stoppedAt === null) await this.#open();
    });
    this.#keeping = begun.catch(() => undefined); // its caller sees the failure
    return begun;
  }

  /**
   * Keeps what stands where these entries go and records both. Gives those that must not be placed. Not stable yet: see
   * {@link stable}.
   */
  keep(placings: readonly Placing[]): Promise<KeepFailures> {
    if (placings.length === 0) return Promise.resolve(NONE);
    const kept = this.#keeping.then(() => this.#keepNow(placings));
    this.#keeping = kept.catch(() => undefined); // its caller sees the failure
    return kept;
  }

  /**
   * Records entries that the copy is about to take away, each by a rename to the place that this gives; null where there
   * is no room for it. What is recorded is stable when it resolves; call `taken` after the renames.
   */
  taking(leaving: readonly Leaving[]): Promise<(TakenPlace | null)[]> {
    const recorded = this.#keeping.then(() => this.#takingNow(leaving));
    this.#keeping = recorded.catch(() => undefined); // its caller sees the failure
    return recorded;
  }

  /** Makes the renames of `taking` outlive a power cut, in the folder that they lead to. */
  taken(): Promise<void> {
    this.#store?.noteName();
    return this.stable();
  }

  /** Records attributes that are about to change. Stable when it resolves. */
  async attrs(changes: readonly UndoAttrs[]): Promise<void> {
    if (changes.length === 0 || this.#stoppedAt !== null) return;
    const store = await this.#open();
    for (const change of changes) store.append(change);
    this.#figures.changed += changes.length;
    await this.stable();
  }

  /** Makes everything that was kept and recorded so far outlive a power cut. */
  stable(): Promise<void> {
    if (this.#store === null || isPlanted('undo-record-late')) return Promise.resolve();
    const synced = this.#syncing.then(() => this.#syncNow(this.#store!));
    this.#syncing = synced.catch(() => undefined); // its caller sees the failure
    return synced;
  }

  async close(): Promise<void> {
    await Promise.all([this.#keeping, this.#syncing]);
    await this.#store?.close();
    this.#quota.close();
  }

  async #syncNow(store: UndoStore): Promise<void> {
    const unsure = this.#unsure.splice(0);
    await store.sync();
    for (const { from, to } of unsure) await store.dir.rename(from, store.dir, to);
    if (unsure.length > 0) await store.dir.sync();
  }

  async #keepNow(placings: readonly Placing[]): Promise<KeepFailures> {
    if (this.#stoppedAt !== null) return NONE;
    await this.#open();
    const failures = new Map<Placing, CausewayError>();
    const known: Recorded[] = [];
    const unknown: Placing[] = [];
    for (const placing of placings) {
      if (this.#fresh.holds(placing.target)) known.push({ placing, kept: null, keptInode: null });
      else unknown.push(placing);
    }
    this.#record(known);
    for (const group of groupByFolder(unknown, ({ target }) => target))
      await this.#keepGroup(group, failures);
    return failures;
  }

  async #takingNow(leaving: readonly Leaving[]): Promise<(TakenPlace | null)[]> {
    if (this.#stoppedAt !== null) return leaving.map(() => null);
    const store = await this.#open();
    const places: (TakenPlace | null)[] = [];
    const recorded: Recorded[] = [];
    for (const { target, stat, bytes } of leaving) {
      if (!(await this.#quota.hasRoomFor(bytes))) {
        places.push(null);
        continue;
      }
      const kept = this.#nextNumber;
      this.#nextNumber += 1;
      this.#quota.took(bytes);
      this.#figures.kept += 1;
      this.#figures.bytes += bytes;
      recorded.push({ placing: nothingAt(target), kept, keptInode: inodeMark(stat.inode) });
      places.push({ store: store.dir, name: keptName(store.attempt, kept) });
    }
    this.#record(recorded);
    await this.stable();
    return places;
  }

  async #keepGroup(group: FolderGroup<Placing>, failures: Map<Placing, CausewayError>): Promise<void> {
    for (let rest = group.items; rest.length > 0 && this.#stoppedAt === null; ) {
      const over = await this.#keepItems(group.folders, rest, failures);
      if (over === rest.length) break;
      rest = rest.slice(over);
      const freed = await this.#quota.freeOldest();
      if (!freed) return this.#overQuota(rest, failures);
    }
  }

  /** How many were dealt with before the quota was used up. */
  async #keepItems(
    folders: readonly RelPath[],
    items: FolderGroup<Placing>['items'],
    failures: Map<Placing, CausewayError>,
  ): Promise<number> {
    const { dirs, world } = this.#parts;
    const store = this.#store!;
    const first = this.#nextNumber;
    this.#nextNumber += items.length;
    const budgetBytes = await this.#quota.leftBytes();
    const entries = {
      folders: Uint8Array.from(items, ({ folder }) => folder),
      names: items.map(({ name }) => name),
    };
    const args = { store: store.dir, entries, attempt: store.attempt, first, budgetBytes };
    const result = await dirs
      .useAll(folders, (parents) => world.offload.run(keepJob, { ...args, parents }))
      .catch((failure: unknown) => asCausewayError(failure));
    if (result instanceof CausewayError) {
      if (items.length > 1) return this.#keepOneByOne(folders, items, failures);
      failures.set(items[0]!.item, result); // its folder cannot be opened: it cannot be placed either
      return 1;
    }
    return this.#took(items, first, result, failures);
  }

  async #keepOneByOne(
    folders: readonly RelPath[],
    items: FolderGroup<Placing>['items'],
    failures: Map<Placing, CausewayError>,
  ): Promise<number> {
    for (const [at, { item, folder, name }] of items.entries()) {
      const done = await this.#keepItems([folders[folder]!], [{ item, folder: 0, name }], failures);
      if (done === 0) return at;
    }
    return items.length;
  }

  #took(
    items: FolderGroup<Placing>['items'],
    first: number,
    { outcomes, bytes, inodes, failures: failed }: Awaited<ReturnType<(typeof keepJob)['run']>>,
    failures: Map<Placing, CausewayError>,
  ): number {
    const store = this.#store!;
    const recorded: Recorded[] = [];
    let over = items.length;
    for (const [at, { item }] of items.entries()) {
      const outcome = outcomes[at];
      if (outcome === KEEP_OUTCOME.over) over = Math.min(over, at);
      if (outcome === KEEP_OUTCOME.over || outcome === KEEP_OUTCOME.failed) continue;
      const kept = outcome === KEEP_OUTCOME.nothing ? null : first + at;
      if (kept !== null) {
        store.noteName();
        this.#figures.kept += 1;
        this.#figures.bytes += bytes[at]!;
        this.#quota.took(bytes[at]!);
      }
      if (outcome === KEEP_OUTCOME.copied) {
        const from = unsureName(store.attempt, first + at);
        this.#unsure.push({ from, to: keptName(store.attempt, first + at) });
      }
      const keptInode =
        kept === null ? null : inodes.subarray(at * UNDO_INODE_BYTES, (at + 1) * UNDO_INODE_BYTES);
      recorded.push({ placing: item, kept, keptInode });
    }
    this.#record(recorded);
    for (const { at, code, message } of failed)
      this.#refused(items[at]!.item, fromReport({ code, message }), failures);
    return over;
  }

  #refused(placing: Placing, error: CausewayError, failures: Map<Placing, CausewayError>): void {
    const { target } = placing;
    if (!CANNOT_KEEP.has(error.code)) {
      failures.set(placing, error); // a fault of the disk: the entry is not replaced, and told
      return;
    }
    if (this.#parts.mode === 'require') {
      const message = `what stands there cannot be kept for undo: ${error.message}`;
      failures.set(placing, new CausewayError('CW_UNDO_IMPOSSIBLE', message, { cause: error }));
      return;
    }
    this.#missing(target);
    const message = error.message.slice(0, 1_000);
    this.#store!.append({ type: 'refused', path: target, code: error.code, message });
  }

  #overQuota(rest: FolderGroup<Placing>['items'], failures: Map<Placing, CausewayError>): void {
    const { target } = rest[0]!.item;
    const message = `undo may keep no more: ${this.#quota.text}`;
    if (this.#parts.mode === 'require') {
      for (const { item } of rest) failures.set(item, new CausewayError('CW_UNDO_IMPOSSIBLE', message));
      return;
    }
    this.#stoppedAt = target;
    this.#missing(target);
    this.#store!.append({ type: 'stopped', path: target, message });
  }

  #missing(target: string): void {
    this.#figures.missing += 1;
    this.#missingFrom ??= target;
  }

  #record(entries: readonly Recorded[]): void {
    const byFolder = new Map<RelPath, UndoEntry[]>();
    const flush = (folder: RelPath, list: UndoEntry[]) => {
      if (list.length > 0) this.#store!.append({ type: 'entries', folder, entries: list.splice(0) });
    };
    let parent: RelPath | null = null;
    let list: UndoEntry[] = [];
    for (const { placing, kept, keptInode } of entries) {
      const { target, kind, sizeBytes, mtimeNs, mark, byChunks, inode } = placing;
      if (parent === null || !isDirectlyIn(target, parent)) {
        parent = splitRel(target).parent;
        list = byFolder.get(parent) ?? [];
        byFolder.set(parent, list);
      }
      if (kept === null) this.#figures.made += 1;
      const name = nameBelow(target, parent);
      list.push({ name, kind, kept, sizeBytes, mtimeNs, mark, byChunks, inode, keptInode });
      if (list.length >= LIMITS.undoRecordEntries.value) flush(parent, list);
    }
    for (const [folder, list] of byFolder) flush(folder, list);
    this.#lastMs = this.#parts.world.clock.wallMs();
  }

  /** What stands there; null where nothing does. */
  async #folderBefore(target: RelPath, entry: PlanEntry, rules: MetadataRules): Promise<FolderBefore | null> {
    if (this.#fresh.holds(target)) return null;
    try {
      return await this.#parts.dirs.useParent(target, async (dir, name) => {
        const stat = await statOrNull(dir, name);
        if (stat?.kind !== 'directory') return stat && { stat, xattrs: [], changes: false };
        const store = dir.caps.xattrsOf(name);
        const xattrs = await xattrChanges(store, rules.xattrsOf(entry), entry.userId !== undefined);
        const owner = rules.ownership.wanted(entry) ?? stat;
        const isOwned = stat.userId === owner.userId && stat.groupId === owner.groupId;
        const same = isOwned && stat.mode === entry.mode && stat.mtimeNs === entry.mtimeNs;
        return { stat, xattrs, changes: !same || xattrs.length > 0 };
      });
    } catch (failure) {
      const { code } = asCausewayError(failure);
      // told for each entry that wants to go there
      if (code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_NOT_DIRECTORY' || code === 'CW_DISK_SYMLINK')
        return null;
      throw failure;
    }
  }

  async #hold(record: UndoRecord): Promise<void> {
    const encoded = encodeUndoRecord(record);
    if (this.#store !== null) return this.#store.appendEncoded(encoded);
    this.#held.push(encoded);
    this.#heldBytes += encoded.byteLength;
    if (this.#heldBytes > LIMITS.undoPendingMaxBytes.value) await this.#open();
  }

  async #open(): Promise<UndoStore> {
    if (this.#store !== null) return this.#store;
    const { root, undoId, destination, world, chunkBytes } = this.#parts;
    const createdMs = Math.floor(world.clock.wallMs());
    const header = { type: 'header', undoId, destination, createdMs, chunkBytes } as const;
    const store = await UndoStore.open(root, undoId, header);
    this.#store = store;
    this.#lastMs = createdMs;
    if (this.#rootBefore !== null) store.append(folderRecord('', this.#rootBefore, []));
    for (const encoded of this.#held.splice(0)) store.appendEncoded(encoded);
    return store;
  }
}

/** What is recorded of a folder. */
type FolderStat = Pick<Stat, 'kind' | 'mode' | 'mtimeNs' | 'userId' | 'groupId'>;

/** A folder that was there. */
interface FolderBefore {
  readonly stat: FolderStat;
  readonly xattrs: readonly UndoXattr[];
  /** Whether the copy gives it other attributes. */
  readonly changes: boolean;
}

function asPlanned({ mode, mtimeNs, userId = 0, groupId = 0 }: PlanEntry): FolderBefore {
  return { stat: { kind: 'directory', mode, mtimeNs, userId, groupId }, xattrs: [], changes: false };
}

function folderRecord(path: string, before: FolderStat | null, xattrs: readonly UndoXattr[]): UndoRecord {
  if (before === null)
    return { type: 'folder', path, made: true, mode: 0, mtimeNs: 0n, userId: 0, groupId: 0, xattrs };
  const { mode, mtimeNs, userId, groupId } = before;
  return { type: 'folder', path, made: false, mode, mtimeNs, userId, groupId, xattrs };
}
