import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Name } from '../base/path.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import type { Dir } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import { copyFileJob } from './copy_file_job.ts';
import { isRefusal, type Missing, missingProblem } from './metadata.ts';
import type { PartialStore } from './partial_store.ts';
import { renameInto, settleFile } from './publish.ts';
import { MARK, type Placed, type SinkPlan } from './sink_plan.ts';
import { ChangedFolders, type Making, problemOf } from './sink_prepare.ts';
import { linkName } from './temporary_name.ts';
import { statOrNull } from './undo/keep_job.ts';
import type { Placing, UndoKeeper } from './undo/keeper.ts';
import { placedAs } from './undo/placing.ts';

export interface LinkParts extends Making {
  readonly store: PartialStore;
  readonly offload: Offload;
  readonly plan: SinkPlan;
  /** Keeps what is replaced; null: nothing is kept. */
  readonly undo: UndoKeeper | null;
}

/**
 * Gives files of this copy their further names, each under a temporary name first, and flushes them. Where the destination
 * has no hard links, the file is copied there, flushed and read back; gives how many were.
 */
export async function makeHardLinks(links: Iterable<Placed>, parts: LinkParts): Promise<number> {
  const { meter, onProblem } = parts;
  const changed = new ChangedFolders(parts);
  const ready: Ready[] = [];
  let copied = 0;
  for (const link of links) {
    try {
      const made = await meter.run('publish', 0, () => prepareOne(parts, link));
      meter.goesOn();
      if (made !== null) ready.push(made);
    } catch (failure) {
      onProblem(problemOf(link.entry, failure));
    }
    if (ready.length >= LIMITS.publishBatchFiles.value)
      copied += await placeAll(ready.splice(0), parts, changed);
  }
  copied += await placeAll(ready, parts, changed);
  await changed.flush();
  return copied;
}

/** A further name that stands under its temporary one. */
interface Ready {
  readonly link: Placed;
  readonly temporary: Name;
  /** Of a file of its own what it lacks; null: it is another name of the first. */
  readonly copied: Missing | null;
}

/** Null where the name leads to the very file already. */
async function prepareOne(parts: LinkParts, link: Placed): Promise<Ready | null> {
  const { dirs, store } = parts;
  const first = firstOf(parts.plan, link.entry);
  if (first === null)
    throw new CausewayError(
      'CW_COPY_SOURCE_CHANGED',
      `it is another name of ${link.entry.linkTarget}, which was not copied or has become another file`,
    );
  if (await isSame(dirs, first, link)) return null;
  const temporary = linkName(link.target);
  if (await statOrNull(store.dir, temporary)) await store.dir.removeFile(temporary);
  const linked = await dirs.useParent(first.target, (dir, name) => tryLink(dir, name, store.dir, temporary));
  return { link, temporary, copied: linked ? null : await copyOf(parts, first, temporary) };
}

/** Keeps what these names replace, then puts them in place; how many became files of their own. */
async function placeAll(ready: readonly Ready[], parts: LinkParts, changed: ChangedFolders): Promise<number> {
  const { meter, onProblem } = parts;
  const unkept = await keepReplaced(ready, parts);
  let copied = 0;
  for (const made of ready) {
    const { link } = made;
    try {
      const refused = unkept.get(made);
      if (refused) throw refused;
      await meter.run('publish', 0, () => placeOne(made, parts));
      meter.goesOn();
      if (made.copied !== null) copied += 1;
      if (made.copied !== null && made.copied.length > 0)
        onProblem(missingProblem(link.entry.path, made.copied));
      await changed.add(link.target);
    } catch (failure) {
      onProblem(problemOf(link.entry, failure));
    }
  }
  return copied;
}

function placeOne({ link, temporary }: Ready, { dirs, store }: LinkParts): Promise<void> {
  return dirs.useParent(link.target, (dir, name) => renameInto(store.dir, temporary, dir, name));
}

/** Those that must not be placed, with the reason. What the others replace is kept for good when it resolves. */
async function keepReplaced(
  ready: readonly Ready[],
  { undo, store }: LinkParts,
): Promise<ReadonlyMap<Ready, CausewayError>> {
  const failures = new Map<Ready, CausewayError>();
  if (undo === null || ready.length === 0) return failures;
  const placings = new Map<Placing, Ready>();
  const flushed = new Set<number | undefined>();
  for (const made of ready) {
    const { first } = made.link.entry;
    // it is known by its time later on, which has to outlive a power cut as the record does
    if (made.copied === null && !flushed.has(first)) await flush(store.dir, made.temporary);
    flushed.add(first);
    placings.set(placedAs(made.link.target, await store.dir.stat(made.temporary)), made);
  }
  for (const [placing, error] of await undo.keep([...placings.keys()]))
    failures.set(placings.get(placing)!, error);
  await undo.stable();
  return failures;
}

async function flush(dir: Dir, name: Name): Promise<void> {
  try {
    await using file = await dir.openFile(name, 'read');
    await file.datasync();
  } catch (failure) {
    // nobody may read it, its owner too: then what was changed since is left by an undo, and told
    if (asCausewayError(failure).code !== 'CW_DISK_PERMISSION') throw failure;
  }
}

/** The file that is in place under its first name. */
function firstOf(plan: SinkPlan, { first = 0, inode }: PlanEntry): Placed | null {
  if (first >= plan.entries || plan.mark(first) !== MARK.nothing) return null;
  const placed = plan.entry(first);
  return placed.entry.kind === 'file' && placed.entry.inode === inode ? placed : null;
}

/** Whether the name leads to the very file already, as after an earlier copy: a rename between the two would do nothing. */
async function isSame(dirs: DirCache, first: Placed, link: Placed): Promise<boolean> {
  const there = await dirs.useParent(link.target, statOrNull);
  if (there === null) return false;
  if (there.kind === 'directory')
    throw new CausewayError('CW_COPY_KIND', 'a folder stands at the destination where the source has a file');
  const of = await dirs.useParent(first.target, statOrNull);
  return of !== null && of.inode === there.inode && of.deviceId === there.deviceId;
}

async function tryLink(dir: Dir, name: Name, to: Dir, toName: Name): Promise<boolean> {
  if (dir.caps.links === null) return false;
  try {
    await dir.caps.links.link(name, to, toName);
    return true;
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (isRefusal(code) || code === 'CW_DISK_CROSS_DEVICE') return false;
    throw failure;
  }
}

async function copyOf(parts: LinkParts, first: Placed, temporary: Name): Promise<Missing> {
  const { dirs, store, rules, offload } = parts;
  await using from = await dirs.useParent(first.target, (dir, name) => dir.openFile(name, 'read'));
  await using to = await store.dir.openFile(temporary, 'create', 0o600);
  const { sizeBytes, mode, mtimeNs } = await from.stat();
  await offload.run(copyFileJob, { from, to });
  const metadata = rules.of({ ...first.entry, mode, mtimeNs });
  return await settleFile(to, sizeBytes, metadata); // awaited here: the file stays open for it
}
