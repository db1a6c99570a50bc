import { fromReport } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { RelPath } from '../base/path.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import type { Dir } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import { type FolderColumns, finishFolder, finishFoldersJob, makeFoldersJob } from './folder_jobs.ts';
import { FreshFolders } from './fresh_folders.ts';
import { SEEN } from './look_ahead.ts';
import { type MetadataRules, missingProblem } from './metadata.ts';
import { SAME_OWNER } from './pack_jobs.ts';
import { ownersOf } from './pack_writer.ts';
import type { Placed } from './sink_plan.ts';
import { ChangedFolders, type Making, problemOf } from './sink_prepare.ts';

/** What making and finishing folders needs besides. */
export interface FolderMaking extends Making {
  /** The folder that takes the copy. */
  readonly root: Dir;
  readonly offload: Offload;
}

/** Whether a folder that was looked at is as the copy leaves it; `seen` are bits of {@link SEEN}. */
export function isFolderSettled({ entry }: Placed, seen: number, { ownership }: MetadataRules): boolean {
  const all = SEEN.same | SEEN.sameMode | SEEN.sameOwner | SEEN.bare;
  if (seen !== all || entry.xattrs !== undefined) return false;
  const owner = ownership.wanted(entry);
  return owner === null || (owner.userId === entry.userId && owner.groupId === entry.groupId);
}

/**
 * Makes the folders of the plan, parents first, and flushes their names. Gives those that were not there. Nothing is done
 * for those of which `isThere` says that they stand there.
 */
export async function makeFolders(
  folders: Iterable<Placed>,
  making: FolderMaking,
  isThere: (folder: Placed) => boolean,
): Promise<FreshFolders> {
  const { root, offload, meter, onProblem } = making;
  const changed = new ChangedFolders(making);
  const fresh = new FreshFolders();
  for (const batch of batches(folders)) {
    const due = batch.filter((folder) => folder.target !== '' && !isThere(folder));
    if (due.length === 0) continue;
    const targets = due.map(({ target }) => target);
    const args = { root, targets, fresh: flags(due, ({ target }) => fresh.holds(target)) };
    const { made, failures } = await meter.run('publish', 0, () => offload.run(makeFoldersJob, args));
    meter.goesOn();
    for (const { at, code, message } of failures)
      onProblem(problemOf(due[at]!.entry, fromReport({ code, message })));
    for (const [at, target] of targets.entries()) {
      if (made[at] === 0) continue;
      fresh.add(target);
      await changed.add(target);
    }
  }
  await changed.flush();
  return fresh;
}

/**
 * Gives the folders their metadata. They come deepest first, since what is made in a folder changes its time. Of those that
 * were there before the copy, which are not `fresh`, most have it when a copy is repeated: they are left alone.
 */
export async function finishFolders(
  deepestFirst: Iterable<Placed>,
  making: FolderMaking,
  fresh: FreshFolders,
): Promise<void> {
  for (const batch of batches(deepestFirst)) {
    const placed = batch.filter(({ target }) => target !== '');
    await finishPlain(
      placed.filter(({ entry }) => entry.xattrs === undefined),
      making,
      fresh,
    );
    for (const folder of placed)
      if (folder.entry.xattrs !== undefined) await finishDescribed(folder, making, fresh);
  }
}

async function finishPlain(
  folders: readonly Placed[],
  making: FolderMaking,
  fresh: FreshFolders,
): Promise<void> {
  const { root, offload, meter, rules, onProblem } = making;
  if (folders.length === 0) return;
  const columns = columnsOf(folders, rules, fresh);
  const { failures, missing } = await meter.run('publish', 0, () =>
    offload.run(finishFoldersJob, { root, folders: columns }),
  );
  meter.goesOn();
  for (const { at, code, message } of failures)
    onProblem(problemOf(folders[at]!.entry, fromReport({ code, message })));
  for (const { at, missing: lacks } of missing) onProblem(missingProblem(folders[at]!.entry.path, lacks));
}

function columnsOf(folders: readonly Placed[], rules: MetadataRules, fresh: FreshFolders): FolderColumns {
  const owner = folders.map(({ entry }) => ({ owner: rules.ownership.wanted(entry) }));
  return {
    targets: folders.map(({ target }) => target),
    modes: Uint16Array.from(folders, ({ entry }) => rules.ownership.modeOf(entry)),
    mtimesNs: BigInt64Array.from(folders, ({ entry }) => entry.mtimeNs),
    owners: ownersOf(owner) ?? new Uint32Array(2 * folders.length).fill(SAME_OWNER),
    fresh: flags(folders, ({ target }) => fresh.has(target)),
    plain: flags(folders, ({ entry }) => entry.userId !== undefined),
  };
}

/** One with extended attributes. */
async function finishDescribed(
  { entry, target }: Placed,
  { dirs, meter, rules, onProblem }: FolderMaking,
  fresh: FreshFolders,
): Promise<void> {
  const metadata = { ...rules.of(entry), owner: rules.ownership.wanted(entry) };
  const state = { isFresh: fresh.has(target), isPlain: entry.userId !== undefined };
  try {
    const missing = await meter.run('publish', 0, () =>
      dirs.useParent(target, (dir, name) => finishFolder({ dir, name, ...state }, metadata)),
    );
    meter.goesOn();
    if (missing.length > 0) onProblem(missingProblem(entry.path, missing));
  } catch (failure) {
    onProblem(problemOf(entry, failure));
  }
}

/** The folder that the entries go into where the copy itself makes it; no source tells what it is like. */
export function folderAbove(target: RelPath, wallMs: number): Placed {
  const now = BigInt(Math.trunc(wallMs)) * 1_000_000n;
  const times = { mtimeNs: now, ctimeNs: now };
  const entry: PlanEntry = {
    path: target,
    kind: 'directory',
    sizeBytes: 0,
    mode: 0o755,
    ...times,
    inode: '',
    linkTarget: '',
  };
  return { entry, target };
}

function flags(folders: readonly Placed[], isSet: (folder: Placed) => boolean): Uint8Array {
  return Uint8Array.from(folders, (folder) => (isSet(folder) ? 1 : 0));
}

/** In their order, as many as one piece of work does. */
function* batches(folders: Iterable<Placed>): Generator<Placed[]> {
  let batch: Placed[] = [];
  for (const folder of folders) {
    batch.push(folder);
    if (batch.length < LIMITS.folderBatchMax.value) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
