import { equalBytes } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Name, splitRel } from '../base/path.ts';
import { throwIfAborted } from '../base/signal.ts';
import type { Xattr } from '../wire/copy_types.ts';
import type { PlanPage } from '../wire/plan_page.ts';
import type { UndoAttrs } from '../wire/undo_record.ts';
import type { AttrPatch, Dir } from '../world/disk.ts';
import type { XattrStore } from '../world/disk_caps.ts';
import type { Job } from '../world/offload.ts';
import { type CandidateColumns, columnsOf, isLarge, LARGE_BYTES, type LookedAt } from './candidates.ts';
import type { ContentCheck } from './checksum/content_check.ts';
import { type FolderGroup, groupByFolder } from './folder_groups.ts';
import { linkFiles } from './link_dest/link_files.ts';
import { SEEN } from './look_ahead.ts';
import { giveMetadata, type MetadataRules, type Missing } from './metadata.ts';
import type { Owner } from './ownership.ts';
import { ownerAt } from './pack_jobs.ts';
import { MARK, type NumberedEntry, type SinkPlan } from './sink_plan.ts';
import { attrsRecord } from './undo/attrs_record.ts';
import type { UndoKeeper } from './undo/keeper.ts';
import { isWholeDisk } from './whole_disk.ts';

/** What stands where a planned file goes: nothing that helps, the same file, or another version of it. */
const NOTHING = 0;
const SAME = 1;
const OTHER = 2;
/** The same file with another owner or mode, where those are not to be changed yet. */
const DIFFERS = 3;

/**
 * A byte for each file: {@link SAME} where a file of that size and modification time stands there, which then has its owner and mode;
 * with `ignoreTimes` that is another version too.
 */
export const unchangedJob: Job<
  {
    readonly folders: readonly Dir[];
    readonly files: CandidateColumns;
    readonly ignoreTimes: boolean;
    /** Files keep owner and mode. */
    readonly onlyLook: boolean;
    /** A file with several names keeps its attributes in any case: it may be part of an earlier copy. */
    readonly sparesLinked: boolean;
  },
  Uint8Array
> = {
  name: 'unchanged',
  async run({ folders, files, ...how }) {
    const found = new Uint8Array(files.names.length);
    for (const [at, name] of files.names.entries()) {
      const planned = {
        sizeBytes: files.sizes[at]!,
        mtimeNs: files.mtimesNs[at]!,
        mode: files.modes[at]!,
        owner: ownerAt(files.owners, at),
      };
      found[at] = await whatStands(folders[files.folders[at]!]!, name, planned, how);
    }
    return found;
  },
};

interface HowToLook {
  readonly ignoreTimes: boolean;
  readonly onlyLook: boolean;
  readonly sparesLinked: boolean;
}

interface Planned {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly mode: number;
  readonly owner: Owner | null;
}

/** What cannot be looked at, or not be given its owner and mode, counts as changed. */
async function whatStands(
  dir: Dir,
  name: Name,
  planned: Planned,
  { ignoreTimes, onlyLook, sparesLinked }: HowToLook,
): Promise<number> {
  const { sizeBytes, mtimeNs, mode, owner } = planned;
  try {
    const stat = await dir.stat(name);
    if (stat.kind !== 'file') return NOTHING;
    if (ignoreTimes || stat.sizeBytes !== sizeBytes || stat.mtimeNs !== mtimeNs) return OTHER;
    const isOwned = owner === null || (owner.userId === stat.userId && owner.groupId === stat.groupId);
    if (isOwned && stat.mode === mode) return SAME;
    if (sparesLinked && stat.linkCount > 1) return OTHER;
    if (onlyLook) return DIFFERS;
    await dir.setAttrs(name, { ...(isOwned ? {} : owner), mode, mtimeNs });
    return SAME;
  } catch {
    return NOTHING; // it is copied then, and if that fails too the copy tells why
  }
}

/** What the destination has already. */
export interface FoundFiles {
  /** Files that are there as planned. */
  readonly files: number;
  readonly bytes: number;
  /** Numbers of the files, large enough for it to pay, of which another version stands there; they rise. */
  readonly older: readonly number[];
}

/**
 * Marks the files of which the destination has the planned size and time already, by the rule that rsync made usual.
 * They are stable when this resolves: whoever put them there, perhaps an attempt of this copy that failed, need not
 * have seen to it. Where they cannot be made so, none counts as unchanged.
 */
export async function markUnchanged(plan: SinkPlan, place: LookedAt): Promise<FoundFiles> {
  let files = 0;
  let bytes = 0;
  let older: number[] = [];
  await place.ahead?.settled();
  for (const { page: whole, first } of plan.wholePages()) {
    throwIfAborted(place.signal);
    const rest: NumberedEntry[] = [];
    for (let at = 0; at < whole.count; at += 1) {
      const index = first + at;
      const mark = plan.mark(index);
      if (mark !== MARK.file && mark !== MARK.emptyFile) continue;
      const sizeBytes = whole.sizeBytes(at);
      const seen = plan.isRenamed ? SEEN.unknown : (place.ahead?.of(index) ?? SEEN.unknown);
      if (place.contents === null && seen >= SEEN.same && isAsPlanned(whole, at, seen, place.rules)) {
        plan.setMark(index, MARK.unchanged);
        files += 1;
        bytes += sizeBytes;
      } else if (seen === SEEN.other && sizeBytes >= LARGE_BYTES) older.push(index);
      else if (seen === SEEN.unknown || seen >= SEEN.same || sizeBytes >= LARGE_BYTES)
        rest.push(plan.entry(index));
    }
    const page = rest.filter(({ target }) => !place.fresh.has(splitRel(target).parent));
    if (page.length === 0) continue;
    const found = await look(page, place);
    const absent = page.filter(({ entry }, at) => found[at] === NOTHING && isLarge(entry));
    if (!place.wholeFile) older.push(...(await place.versions.look(absent, place)));
    for (const [at, { index, entry }] of page.entries()) {
      if (found[at] === OTHER && isLarge(entry)) older.push(index);
      if (found[at] !== SAME) continue;
      plan.setMark(index, MARK.unchanged);
      files += 1;
      bytes += entry.sizeBytes;
    }
  }
  if (place.linking !== null) {
    const linked = await linkFiles(plan, place.linking, place);
    files += linked.files;
    bytes += linked.bytes;
    older = older.filter((index) => plan.mark(index) !== MARK.unchanged);
    older = [...new Set([...older, ...linked.older])];
  }
  const isStable = await place.meter
    .run('destinationFlush', 0, () => makeStable(plan, files, place))
    .catch(() => false); // the copy of them tells what is wrong
  older.sort((a, b) => a - b);
  if (isStable) return { files, bytes, older };
  for (const file of plan.marked(MARK.unchanged)) plan.resetMark(file);
  return { files: 0, bytes: 0, older };
}

/** Whether a file that was seen with its size and time has all else too. */
function isAsPlanned(page: PlanPage, at: number, seen: number, { ownership }: MetadataRules): boolean {
  if (page.hasMore(at) || (seen & SEEN.sameMode) === 0) return false;
  const source = page.owner(at);
  const mode = page.mode(at);
  if (ownership.modeOf({ kind: 'file', mode, ...source }) !== mode) return false;
  const owner = ownership.wanted(source ?? {});
  if (owner === null) return true;
  const isOwned = owner.userId === source?.userId && owner.groupId === source.groupId;
  return isOwned && (seen & SEEN.sameOwner) !== 0;
}

/** For each file what stands where it goes. */
async function look(files: readonly NumberedEntry[], place: LookedAt): Promise<Uint8Array> {
  const { meter, undo, contents } = place;
  const all = new Uint8Array(files.length);
  let done = 0;
  for (const group of groupByFolder(files, (file) => file.target)) {
    const found = await lookAt(group, place, undo !== null || contents !== null);
    meter.goesOn();
    if (contents !== null) await compareContents(group, found, contents);
    if (undo !== null) await keepAndChange(group, found, { ...place, undo });
    else await change(group, found, place);
    for (const [at, { item }] of group.items.entries())
      if (found[at] === SAME && !(await hasXattrs(item, place))) found[at] = OTHER;
    all.set(found, done);
    done += found.length;
  }
  return all;
}

function lookAt(
  group: FolderGroup<NumberedEntry>,
  { dirs, offload, meter, rules, ignoreTimes, linking }: LookedAt,
  onlyLook: boolean,
): Promise<Uint8Array> {
  const work = () =>
    dirs.useAll(group.folders, (folders) =>
      offload.run(unchangedJob, {
        folders,
        files: columnsOf(group, rules),
        ignoreTimes,
        onlyLook,
        sparesLinked: linking !== null,
      }),
    );
  return meter.run('destinationRead', 0, work).catch(() => new Uint8Array(group.items.length)); // a folder that cannot be opened is told when its files are written
}

/**
 * Records for the undo what files that stay will lose, then gives them owner and mode. A file whose attributes cannot be
 * recorded is copied instead: then it is kept in whole.
 */
async function keepAndChange(
  { folders, items }: FolderGroup<NumberedEntry>,
  found: Uint8Array,
  place: LookedAt & { readonly undo: UndoKeeper },
): Promise<void> {
  const records: UndoAttrs[] = [];
  for (const [at, { item }] of items.entries()) {
    if (found[at] !== DIFFERS && (found[at] !== SAME || item.entry.xattrs === undefined)) continue;
    try {
      const record = await place.dirs.useParent(item.target, (dir, name) =>
        attrsRecord(dir, name, item, place.rules),
      );
      if (record !== null) records.push(record);
    } catch (failure) {
      const error = asCausewayError(failure);
      const isItsOwn = error.code === 'CW_UNDO_IMPOSSIBLE' || error.code.startsWith('CW_DISK_');
      if (!isItsOwn || isWholeDisk(error)) throw error;
      found[at] = OTHER;
    }
  }
  await place.undo.attrs(records);
  await change({ folders, items }, found, place);
}

/** Gives files their owner and mode that are the same but for these. */
async function change(
  { folders, items }: FolderGroup<NumberedEntry>,
  found: Uint8Array,
  place: LookedAt,
): Promise<void> {
  const differing = [...items.keys()].filter((at) => found[at] === DIFFERS);
  if (differing.length === 0) return;
  const changed = await lookAt({ folders, items: differing.map((at) => items[at]!) }, place, false);
  for (const [nth, at] of differing.entries()) found[at] = changed[nth]!;
}

/** Files of equal size and time whose contents differ are other versions. */
async function compareContents(
  { items }: FolderGroup<NumberedEntry>,
  found: Uint8Array,
  contents: ContentCheck,
): Promise<void> {
  const alike = items.filter((_, at) => found[at] === SAME || found[at] === DIFFERS).map(({ item }) => item);
  const differing = await contents.differing(alike);
  for (const [at, { item }] of items.entries()) if (differing.has(item.index)) found[at] = OTHER;
}

/** Gives a file the attributes that it lacks; one that does not take them is copied, and the copy tells of it. */
async function hasXattrs(
  { entry, target }: NumberedEntry,
  { dirs, rules, linking }: LookedAt,
): Promise<boolean> {
  if (entry.xattrs === undefined) return true;
  const { mtimeNs } = entry;
  const mode = rules.ownership.modeOf(entry);
  const missing = await dirs
    .useParent(target, async (dir, name): Promise<Missing | null> => {
      const store = dir.caps.xattrsOf(name);
      const xattrs = await lacking(store, rules.xattrsOf(entry));
      if (xattrs.length === 0) return [];
      if (linking !== null && (await dir.stat(name)).linkCount > 1) return null;
      const setAttrs = (patch: AttrPatch) => dir.setAttrs(name, patch);
      return giveMetadata({ xattrs: store, setAttrs }, { mode, mtimeNs, owner: null, xattrs });
    })
    .catch(() => null);
  return missing?.length === 0;
}

async function lacking(store: XattrStore | null, wanted: readonly Xattr[]): Promise<Xattr[]> {
  const lacks: Xattr[] = [];
  for (const xattr of wanted) {
    const has = await store?.get(xattr.name);
    if (!has || !equalBytes(has, xattr.value)) lacks.push(xattr);
  }
  return lacks;
}

async function makeStable(
  plan: SinkPlan,
  count: number,
  { root, dirs, meter, signal }: LookedAt,
): Promise<boolean> {
  if (count >= LIMITS.flushAllFromFiles.value && (await root.syncFileSystem())) return true;
  for (const page of plan.pages(MARK.unchanged)) {
    throwIfAborted(signal);
    for (const { target } of page) {
      await dirs.useParent(target, async (dir, name) => {
        await using file = await dir.openFile(name, 'read');
        await file.datasync();
      });
      meter.goesOn();
    }
    const parents = new Set(page.map(({ target }) => splitRel(target).parent));
    for (const parent of parents) await dirs.use(parent, (dir) => dir.sync());
  }
  return true;
}
