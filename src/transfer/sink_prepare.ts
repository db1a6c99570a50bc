import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Name, type RelPath, splitRel } from '../base/path.ts';
import { formatBytes } from '../base/units.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry, Problem } from '../wire/copy_types.ts';
import type { Dir } from '../world/disk.ts';
import {
  type Described,
  giveMetadata,
  type MetadataRules,
  type Missing,
  missingProblem,
} from './metadata.ts';
import type { PartialStore } from './partial_store.ts';
import type { Placed, SinkPlan } from './sink_plan.ts';
import type { StageMeter } from './stage_meter.ts';
import { fileKeyOf, partialName } from './temporary_name.ts';
import { statOrNull } from './undo/keep_job.ts';
import type { KeepFailures, Placing, UndoKeeper } from './undo/keeper.ts';
import { linkPlacing } from './undo/placing.ts';

/** Largest file of file systems that have a limit a user meets. */
const LARGEST_FILE: Readonly<Record<string, number>> = { vfat: 2 ** 32 - 1, msdos: 2 ** 32 - 1 };

/** File systems without holes. */
const WITHOUT_HOLES = ['vfat', 'msdos', 'exfat'];

/** Free space that is left to others. */
const SPACE_MARGIN_BYTES = 1024 * 1024;

/**
 * Looks whether the destination can take the copy at all, before anything is made there; of the space `keptBytes` are taken
 * already. Gives the free bytes.
 * Throws CW_COPY_DEST_READ_ONLY, CW_COPY_NO_SPACE, CW_COPY_TOO_LARGE.
 */
export async function preflight(
  root: Dir,
  folder: string,
  plan: Pick<SinkPlan, 'largest' | 'bytes' | 'dataBytes'>,
  keptBytes: number,
): Promise<number> {
  const { largest: largestFile } = plan;
  const space = await root.space();
  if (space.readOnly)
    throw new CausewayError('CW_COPY_DEST_READ_ONLY', `${folder} is on a read-only file system`);
  const largest = LARGEST_FILE[space.fileSystem];
  if (largest !== undefined && largestFile !== null && largestFile.sizeBytes > largest) {
    throw new CausewayError(
      'CW_COPY_TOO_LARGE',
      `${largestFile.path} has ${formatBytes(largestFile.sizeBytes)}, ${space.fileSystem} at ${folder} holds files up to ${formatBytes(largest)}`,
    );
  }
  const allBytes = WITHOUT_HOLES.includes(space.fileSystem) ? plan.bytes : plan.dataBytes;
  const neededBytes = Math.max(0, allBytes - keptBytes);
  if (neededBytes > 0 && neededBytes + SPACE_MARGIN_BYTES > space.freeBytes) {
    throw new CausewayError(
      'CW_COPY_NO_SPACE',
      `${folder} has ${formatBytes(space.freeBytes)} free, the copy needs ${formatBytes(neededBytes)}`,
    );
  }
  return space.freeBytes;
}

/** What making folders and symbolic links needs. */
export interface Making {
  readonly dirs: DirCache;
  readonly meter: StageMeter;
  /** Hears of an entry that cannot be made. */
  readonly onProblem: (problem: Problem) => void;
  readonly rules: MetadataRules;
}

/** Folders in which names were made, and that are not flushed yet. */
export class ChangedFolders {
  readonly #making: Making;
  readonly #paths = new Set<RelPath>();

  constructor(making: Making) {
    this.#making = making;
  }

  /** Notes the folder of a new name; many of them are flushed at once. */
  async add(target: RelPath): Promise<void> {
    this.#paths.add(splitRel(target).parent);
    if (this.#paths.size >= LIMITS.changedFoldersMax.value) await this.flush();
  }

  async flush(): Promise<void> {
    const { dirs, meter } = this.#making;
    await meter.run('publish', 0, async () => {
      for (const path of this.#paths) {
        await dirs.use(path, (dir) => dir.sync());
        meter.goesOn();
      }
    });
    this.#paths.clear();
  }
}

export function problemOf(entry: PlanEntry, failure: unknown): Problem {
  const { code, message } = asCausewayError(failure);
  return { path: entry.path, code, message };
}

/** Where symlinks get their temporary names, and what keeps those that they replace. */
export interface SymlinkParts {
  readonly store: PartialStore;
  readonly undo: UndoKeeper | null;
}

/** Puts symlinks in place, each under a temporary name first, and flushes their names. */
export async function makeSymlinks(
  links: Iterable<Placed>,
  parts: SymlinkParts,
  making: Making,
): Promise<void> {
  const { meter, onProblem } = making;
  const changed = new ChangedFolders(making);
  const due = new Map<Placing, Placed>();
  for (const link of links) {
    const { entry, target } = link;
    try {
      const isNew = await meter.run('publish', 0, () => isDue(making.dirs, link));
      if (isNew) due.set(linkPlacing(target, entry.linkTarget, entry.mtimeNs), link);
      meter.goesOn();
    } catch (failure) {
      onProblem(problemOf(entry, failure));
    }
    if (due.size >= LIMITS.publishBatchFiles.value) await placeSymlinks(due, parts, making, changed);
  }
  await placeSymlinks(due, parts, making, changed);
  await changed.flush();
}

/** Keeps what these symlinks replace, then puts them in place. Empties `due`. */
async function placeSymlinks(
  due: Map<Placing, Placed>,
  { store, undo }: SymlinkParts,
  making: Making,
  changed: ChangedFolders,
): Promise<void> {
  const { meter, onProblem } = making;
  const unkept: KeepFailures = (await undo?.keep([...due.keys()])) ?? new Map();
  await undo?.stable();
  for (const [placing, link] of due) {
    let isPlaced = false;
    try {
      const refused = unkept.get(placing);
      if (refused) throw refused;
      const missing = await meter.run('publish', 0, () => makeSymlink(making, store, link));
      isPlaced = true;
      meter.goesOn();
      if (missing.length > 0) onProblem(missingProblem(link.entry.path, missing));
    } catch (failure) {
      onProblem(problemOf(link.entry, failure));
    }
    if (isPlaced) await changed.add(link.target);
  }
  due.clear();
}

/** False where it stands there already. */
function isDue(dirs: DirCache, { entry, target }: Placed): Promise<boolean> {
  return dirs.useParent(target, async (dir, name) => {
    const there = await statOrNull(dir, name);
    if (
      there?.kind === 'symlink' &&
      (await dir.readLink(name)) === entry.linkTarget &&
      there.mtimeNs === entry.mtimeNs
    )
      return false;
    if (there?.kind === 'directory')
      throw new CausewayError(
        'CW_COPY_KIND',
        'a folder stands at the destination where the source has a symbolic link',
      );
    return true;
  });
}

/** What the symlink lacks. */
function makeSymlink(
  { dirs, rules }: Making,
  store: PartialStore,
  { entry, target }: Placed,
): Promise<Missing> {
  return dirs.useParent(target, async (dir, name) => {
    const temporary = partialName(fileKeyOf(target));
    if (await statOrNull(store.dir, temporary)) await store.dir.removeFile(temporary);
    await store.dir.makeSymlink(temporary, entry.linkTarget);
    const missing = await giveMetadata(named(store.dir, temporary), rules.of(entry));
    await store.dir.rename(temporary, dir, name);
    return missing;
  });
}

function named(dir: Dir, name: Name): Described {
  return { xattrs: dir.caps.xattrsOf(name), setAttrs: (patch) => dir.setAttrs(name, patch) };
}
