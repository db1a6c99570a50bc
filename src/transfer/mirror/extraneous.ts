import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { parseRelPath, type RelPath, splitRel } from '../../base/path.ts';
import type { DirCache } from '../../tree/dir_cache.ts';
import { MACOS_NAMES, type NameRules } from '../../tree/names/name_rules.ts';
import type { Dir, DirEntry } from '../../world/disk.ts';
import { PARTIAL_FOLDER } from '../destination.ts';
import type { Exclusion } from '../exclusion.ts';
import type { Placed } from '../sink_plan.ts';
import { ListedFolder } from './listed_folder.ts';

/** Entries of one folder that the source does not have. */
export interface ExtraneousEntries {
  /** The mirror of the source. */
  readonly top: RelPath;
  readonly folder: RelPath;
  readonly entries: readonly DirEntry[];
}

export interface MirroredParts {
  readonly dirs: DirCache;
  /** Folder that takes the copy, and of which the names below are. */
  readonly root: Dir;
  /** The folder that is the source's own, where that is no entry of the plan: for `DIR/.`. */
  readonly top: RelPath | null;
  readonly rules: NameRules;
  /** What is passed over at the source stays at the destination. */
  readonly exclusion: Exclusion | null;
  /** Entries that the source has and that are not copied: what stands under their names stays. */
  readonly passedOver: readonly RelPath[];
}

/** Folders of a copy at the destination with what the source does not have, each once all of it is in place. */
export async function* extraneousEntries(
  plan: Iterable<Placed>,
  parts: MirroredParts,
): AsyncGenerator<ExtraneousEntries> {
  const { deviceId } = await parts.root.self();
  const list = (path: RelPath) => listed(path, deviceId, parts);
  const above: ListedFolder[] = [];
  if (parts.top !== null) above.push(await list(parts.top));
  let isFirst = parts.top === null;
  let top = parts.top;
  for (const { entry, target } of plan) {
    if (target === parts.top) continue;
    const { parent, name } = splitRel(target);
    while (above.length > 0 && above.at(-1)!.path !== parent) yield* extraneousOf(above.pop()!, top!, parts);
    if (above.length === 0 && !isFirst)
      throw new CausewayError('CW_WIRE_MALFORMED', `${entry.path} comes in the plan after its folder`);
    isFirst = false;
    top ??= target;
    above.at(-1)?.tick(name);
    if (entry.kind === 'directory') above.push(await list(target));
  }
  while (above.length > 0) yield* extraneousOf(above.pop()!, top!, parts);
}

function* extraneousOf(
  folder: ListedFolder,
  top: RelPath,
  { exclusion }: MirroredParts,
): Generator<ExtraneousEntries> {
  const isOurs = ({ rawName, kind }: DirEntry): boolean => {
    const path = belowTop(top, shownPath(folder.path, rawName));
    return rawName === PARTIAL_FOLDER || exclusion?.excludes(path, kind === 'directory') === true;
  };
  const entries = folder.rest().filter((entry) => !isOurs(entry));
  if (entries.length > 0) yield { top, folder: folder.path, entries };
}

async function listed(
  path: RelPath,
  deviceId: string,
  { dirs, rules, passedOver }: MirroredParts,
): Promise<ListedFolder> {
  const entries: DirEntry[] = [];
  let isElsewhere = false;
  try {
    await dirs.use(path, async (dir) => {
      isElsewhere = (await dir.self()).deviceId !== deviceId;
      for await (const entry of dir.list()) entries.push(entry);
    });
  } catch (failure) {
    const { code } = asCausewayError(failure);
    // a folder that could not be made was told as a problem
    if (code !== 'CW_DISK_NOT_FOUND' && code !== 'CW_DISK_NOT_DIRECTORY' && code !== 'CW_DISK_SYMLINK')
      throw failure;
  }
  // names were tried out on the file system of the copy's folder; of another one nothing is known
  const folder = new ListedFolder(path, entries, isElsewhere ? MACOS_NAMES : rules);
  for (const passed of passedOver) {
    const { parent, name } = splitRel(passed);
    if (parent === path) folder.tick(name);
  }
  return folder;
}

/** A path at the destination as the patterns of what is passed over know it. */
export function belowTop(top: RelPath, path: string): string {
  return top === '' ? path : path.slice(top.length + 1);
}

/** What the user reads of an entry that is not in the plan. */
export function shownPath(folder: RelPath, rawName: string): string {
  return folder === parseRelPath('') ? rawName : `${folder}/${rawName}`;
}
