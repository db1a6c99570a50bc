import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinRel, type RelPath } from '../../base/path.ts';
import type { DirCache } from '../../tree/dir_cache.ts';
import type { Problem } from '../../wire/copy_types.ts';
import type { Exclusion } from '../exclusion.ts';
import type { StageMeter } from '../stage_meter.ts';
import type { UndoKeeper } from '../undo/keeper.ts';
import { belowTop, type ExtraneousEntries, shownPath } from './extraneous.ts';
import { allocatedBytes, type Below, below, removeAll } from './subtree.ts';

export interface DeletingParts {
  readonly dirs: DirCache;
  readonly meter: StageMeter;
  /** Null: what is deleted is not kept. */
  readonly undo: UndoKeeper | null;
  /** What is passed over at the source, and stays at the destination with the folders around it. */
  readonly exclusion: Exclusion | null;
  readonly onProblem: (problem: Problem) => void;
}

/** An entry that the source does not have. */
interface Leaving extends Below {
  readonly bytes: number;
}

/**
 * Deletes entries that the source does not have; how many. With undo each goes into what the copy keeps, by one rename,
 * and is deleted only if it can. Stable when it resolves.
 */
export async function deleteExtraneous(
  found: AsyncIterable<ExtraneousEntries>,
  parts: DeletingParts,
): Promise<number> {
  let deleted = 0;
  for await (const { top, folder, entries } of found) {
    for (let at = 0; at < entries.length; at += LIMITS.undoRecordEntries.value) {
      const batch = entries.slice(at, at + LIMITS.undoRecordEntries.value);
      deleted += await deleteBatch({ top, folder, entries: batch }, parts);
    }
  }
  return deleted;
}

async function deleteBatch(
  { top, folder, entries }: ExtraneousEntries,
  parts: DeletingParts,
): Promise<number> {
  const { dirs, meter, undo, exclusion, onProblem } = parts;
  const leaving: Leaving[] = [];
  for (const { name, rawName } of entries) {
    try {
      if (name === null) throw new CausewayError('CW_DISK_NAME', 'the name is not valid UTF-8');
      const entry = await meter.run('publish', 0, () => weighed(dirs, joinRel(folder, name)));
      if (!(await holdsExcluded(dirs, entry, top, exclusion))) leaving.push(entry);
      meter.goesOn();
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND')
        onProblem(problemOf(shownPath(folder, rawName), failure));
    }
  }
  const gone =
    undo === null
      ? await each(leaving, parts, (entry) => removeAll(dirs, entry))
      : await keepAll(leaving, undo, parts);
  if (gone > 0) await meter.run('publish', 0, () => dirs.use(folder, (dir) => dir.sync()));
  return gone;
}

async function holdsExcluded(
  dirs: DirCache,
  { path, stat }: Below,
  top: RelPath,
  exclusion: Exclusion | null,
): Promise<boolean> {
  if (exclusion === null || stat.kind !== 'directory') return false;
  for await (const entry of below(dirs, path))
    if (exclusion.excludes(belowTop(top, entry.path), entry.stat.kind === 'directory')) return true;
  return false;
}

async function weighed(dirs: DirCache, path: RelPath): Promise<Leaving> {
  const [stat, own] = await dirs.useParent(path, (dir, name) => Promise.all([dir.stat(name), dir.self()]));
  if (stat.deviceId !== own.deviceId)
    throw new CausewayError('CW_DISK_CROSS_DEVICE', 'another file system is mounted there');
  return { path, stat, bytes: await allocatedBytes(dirs, { path, stat }) };
}

async function keepAll(leaving: readonly Leaving[], undo: UndoKeeper, parts: DeletingParts): Promise<number> {
  const places = await undo.taking(leaving.map(({ path, stat, bytes }) => ({ target: path, stat, bytes })));
  const gone = await each(leaving, parts, async ({ path, stat }, at) => {
    const place = places[at];
    if (!place) {
      const message = 'undo cannot keep it; with --undo off it is deleted for good';
      throw new CausewayError('CW_UNDO_IMPOSSIBLE', message);
    }
    if (stat.kind === 'directory') parts.dirs.forget(path);
    await parts.dirs.useParent(path, (dir, name) => dir.rename(name, place.store, place.name));
  });
  // the store first: what is in neither folder after a power cut is lost
  if (gone > 0) await undo.taken();
  return gone;
}

/** Does it with each; how many times it worked. What did not is told. */
async function each(
  leaving: readonly Leaving[],
  { meter, onProblem }: DeletingParts,
  work: (entry: Leaving, at: number) => Promise<void>,
): Promise<number> {
  let done = 0;
  for (const [at, entry] of leaving.entries()) {
    try {
      await meter.run('publish', 0, () => work(entry, at));
      meter.goesOn();
      done += 1;
    } catch (failure) {
      onProblem(problemOf(entry.path, failure));
    }
  }
  return done;
}

function problemOf(path: string, failure: unknown): Problem {
  const { code, message } = asCausewayError(failure);
  return { path, code, message: `it is not at the source and could not be deleted: ${message}` };
}
