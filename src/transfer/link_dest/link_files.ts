import { equalBytes } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { splitRel } from '../../base/path.ts';
import { throwIfAborted } from '../../base/signal.ts';
import type { Xattr } from '../../wire/copy_types.ts';
import type { XattrStore } from '../../world/disk_caps.ts';
import { columnsOf, isLarge, type LookedAt } from '../candidates.ts';
import { type FolderGroup, groupByFolder } from '../folder_groups.ts';
import { renameInto } from '../publish.ts';
import { MARK, type NumberedEntry, type SinkPlan } from '../sink_plan.ts';
import { linkName } from '../temporary_name.ts';
import { statOrNull } from '../undo/keep_job.ts';
import { placedAs } from '../undo/placing.ts';
import { isCarried, LINKED, linkFilesJob, lookInReferenceJob, REFERENCE } from './link_jobs.ts';
import type { LinkingParts, ReferenceFolder } from './reference.ts';

/** What became of files by an earlier copy. */
export interface LinkedFiles {
  readonly files: number;
  readonly bytes: number;
  /** Numbers of files that have another version there, large enough for it to pay. */
  readonly older: readonly number[];
}

/**
 * Lets files that an earlier copy has as they are planned be hard links to it, and marks them as unchanged. They are not
 * flushed yet. Nothing is changed in the earlier copy: neither content nor attributes.
 */
export async function linkFiles(plan: SinkPlan, parts: LinkingParts, place: LookedAt): Promise<LinkedFiles> {
  const { reference } = parts;
  const older: number[] = [];
  let files = 0;
  let bytes = 0;
  for (const page of plan.pages(MARK.file, MARK.emptyFile)) {
    for (const group of groupByFolder(page, ({ target }) => target)) {
      throwIfAborted(place.signal);
      const { same, other } = await look(group, reference, place);
      for (const { item } of await link(group, same, parts, place)) {
        plan.setMark(item.index, MARK.unchanged);
        files += 1;
        bytes += item.entry.sizeBytes;
      }
      for (const { index, entry, target } of other)
        if (
          !place.wholeFile &&
          isLarge(entry) &&
          place.versions.refer(index, reference.dirs, reference.of(target))
        )
          older.push(index);
    }
  }
  return { files, bytes, older };
}

type Item = FolderGroup<NumberedEntry>['items'][number];

/** A file of the earlier copy that is the planned one. */
interface Same {
  readonly at: Item;
  readonly inode: string;
}

async function look(
  group: FolderGroup<NumberedEntry>,
  reference: ReferenceFolder,
  place: LookedAt,
): Promise<{ readonly same: Same[]; readonly other: NumberedEntry[] }> {
  const { offload, meter, rules, ignoreTimes, contents } = place;
  const { items, folders } = group;
  const files = columnsOf(group, rules);
  const described = Uint8Array.from(items, ({ item }) => (item.entry.xattrs === undefined ? 0 : 1));
  const work = () =>
    reference.dirs.useAll(
      folders.map((folder) => reference.of(folder)),
      (opened) => offload.run(lookInReferenceJob, { folders: opened, files, described, ignoreTimes }),
    );
  const { found, inodes } = await meter.run('destinationRead', 0, work).catch(() => NONE); // a folder is not there: they are copied
  meter.goesOn();
  const there = (code: number) => items.filter((_, at) => found[at] === code).map(({ item }) => item);
  const other = there(REFERENCE.other);
  const placed = there(REFERENCE.same).map((item) => ({ ...item, target: reference.of(item.target) }));
  const differing = (await contents?.differing(placed, reference.dirs)) ?? new Set<number>();
  const same: Same[] = [];
  for (const [at, one] of items.entries()) {
    if (found[at] !== REFERENCE.same) continue;
    const isSame = !differing.has(one.item.index) && (await hasSameXattrs(one.item, reference, place));
    if (isSame) same.push({ at: one, inode: inodes[at]! });
    else other.push(one.item);
  }
  return { same, other };
}

const NONE = { found: new Uint8Array(0), inodes: [] as readonly string[] };

async function hasSameXattrs(
  { entry, target }: NumberedEntry,
  reference: ReferenceFolder,
  { rules }: LookedAt,
): Promise<boolean> {
  if (entry.xattrs === undefined) return true;
  const wanted = rules.xattrsOf(entry);
  return reference.dirs
    .useParent(reference.of(target), (dir, name) => areSame(dir.caps.xattrsOf(name), wanted))
    .catch(() => false); // it is copied then
}

async function areSame(store: XattrStore | null, wanted: readonly Xattr[]): Promise<boolean> {
  if (store === null) return wanted.length === 0;
  for (const { name, value } of wanted) {
    const has = await store.get(name);
    if (has === null || !equalBytes(has, value)) return false;
  }
  const planned = new Set(wanted.map(({ name }) => name));
  return (await store.list()).every((name) => planned.has(name) || !isCarried(name));
}

/** Those that are links now; the others are copied. */
async function link(
  { folders }: FolderGroup<NumberedEntry>,
  same: readonly Same[],
  parts: LinkingParts,
  place: LookedAt,
): Promise<Item[]> {
  const free = await kept(same, place);
  if (free.length === 0) return [];
  const { reference } = parts;
  const { dirs, offload, meter } = place;
  const columns = {
    folders: Uint8Array.from(free, ({ folder }) => folder),
    names: free.map(({ name }) => name),
  };
  const work = () =>
    reference.dirs.useAll(
      folders.map((folder) => reference.of(folder)),
      (from) => dirs.useAll(folders, (to) => offload.run(linkFilesJob, { from, to, ...columns })),
    );
  const outcomes = await meter.run('publish', 0, work).catch(() => new Uint8Array(0)); // a folder that cannot be opened is told when its files are written
  meter.goesOn();
  const linked: Item[] = [];
  for (const [at, item] of free.entries()) {
    const isDone = outcomes[at] === LINKED.done;
    if (isDone || (outcomes[at] === LINKED.exists && (await replace(item.item, parts, place))))
      linked.push(item);
  }
  return linked;
}

/** Those whose places may be taken: what stands there is kept, and the record of it stable. */
async function kept(same: readonly Same[], { undo }: LookedAt): Promise<Item[]> {
  if (undo === null || same.length === 0) return same.map(({ at }) => at);
  const placings = same.map(({ at: { item }, inode }) =>
    placedAs(item.target, { sizeBytes: item.entry.sizeBytes, mtimeNs: item.entry.mtimeNs, inode }),
  );
  const failures = await undo.keep(placings);
  await undo.stable();
  return same.filter((_, nth) => !failures.has(placings[nth]!)).map(({ at }) => at);
}

/** Puts a link where something stands; false where that cannot be: then it is copied, and the copy tells why. */
async function replace(
  { target }: NumberedEntry,
  { reference, store }: LinkingParts,
  { dirs }: LookedAt,
): Promise<boolean> {
  const temporary = linkName(target);
  try {
    if (await statOrNull(store, temporary)) await store.removeFile(temporary);
    await reference.dirs.useParent(reference.of(target), (dir, name) =>
      dir.caps.links!.link(name, store, temporary),
    );
    const { parent, name } = splitRel(target);
    await dirs.use(parent, (dir) => renameInto(store, temporary, dir, name));
    return true;
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code !== 'CW_COPY_KIND' && !code.startsWith('CW_DISK_') && code !== 'CW_UNSUPPORTED') throw failure;
    return false;
  }
}
