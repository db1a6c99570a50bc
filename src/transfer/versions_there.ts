import { LIMITS } from '../base/limits.ts';
import { joinRel, type Name, type RelPath, splitRel } from '../base/path.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { Dir, DiskFile } from '../world/disk.ts';
import type { Job, Offload } from '../world/offload.ts';
import type { NumberedEntry } from './sink_plan.ts';
import type { StageMeter } from './stage_meter.ts';

/** For each wanted size and time the name of a file of the folder that has both; null where the first names have none. */
export const findBySizeJob: Job<
  { readonly dir: Dir; readonly sizes: Float64Array; readonly mtimesNs: BigInt64Array },
  readonly (Name | null)[]
> = {
  name: 'find-by-size',
  async run({ dir, sizes, mtimesNs }) {
    const found: (Name | null)[] = Array.from(sizes, () => null);
    let looked = 0;
    for await (const { name } of dir.list()) {
      looked += 1;
      if (looked > LIMITS.renamedLookEntriesMax.value) break;
      const stat = name === null ? null : await dir.stat(name).catch(() => null); // gone, or not to be looked at
      if (stat?.kind !== 'file') continue;
      const at = sizes.findIndex((size, n) => size === stat.sizeBytes && mtimesNs[n] === stat.mtimeNs);
      if (at >= 0) found[at] ??= name;
    }
    return found;
  },
};

/**
 * Where the destination has an earlier version of a file: under its own name or, after a rename at the source, under
 * another one in the same folder, as a file of the same size and modification time. A version is a hint: what is taken
 * from it is verified with the whole chunk.
 */
export class VersionsThere {
  readonly #dirs: DirCache;
  readonly #renamed = new Map<number, RelPath>();
  /** In another folder than the copy's. */
  readonly #elsewhere = new Map<number, { readonly dirs: DirCache; readonly path: RelPath }>();

  constructor(dirs: DirCache) {
    this.#dirs = dirs;
  }

  /** Opens it for reading; CW_DISK_*. */
  open({ index, target }: { readonly index: number; readonly target: RelPath }): Promise<DiskFile> {
    const elsewhere = this.#elsewhere.get(index);
    const { dirs, path } = elsewhere ?? { dirs: this.#dirs, path: this.#renamed.get(index) ?? target };
    return dirs.useParent(path, (dir, name) => dir.openFile(name, 'read'));
  }

  /** Takes the version at `path` of another folder for a file's; false where as many are known as may be. */
  refer(index: number, dirs: DirCache, path: RelPath): boolean {
    if (this.#elsewhere.size >= LIMITS.renamedFilesMax.value) return false;
    this.#elsewhere.set(index, { dirs, path });
    return true;
  }

  /** Looks for files under whose names nothing stands; gives the numbers of those that stand under another name. */
  async look(
    files: readonly NumberedEntry[],
    { offload, meter }: { readonly offload: Offload; readonly meter: StageMeter },
  ): Promise<number[]> {
    const found: number[] = [];
    for (const [parent, wanted] of byParent(files)) {
      const work = () =>
        this.#dirs.use(parent, (dir) =>
          offload.run(findBySizeJob, {
            dir,
            sizes: Float64Array.from(wanted, ({ entry }) => entry.sizeBytes),
            mtimesNs: BigInt64Array.from(wanted, ({ entry }) => entry.mtimeNs),
          }),
        );
      const names = await meter.run('destinationRead', 0, work).catch(() => []); // they are sent in whole then
      meter.goesOn();
      for (const [at, name] of names.entries()) {
        if (!name || this.#renamed.size >= LIMITS.renamedFilesMax.value) continue;
        this.#renamed.set(wanted[at]!.index, joinRel(parent, name));
        found.push(wanted[at]!.index);
      }
    }
    return found;
  }
}

function byParent(files: readonly NumberedEntry[]): Map<RelPath, NumberedEntry[]> {
  const groups = new Map<RelPath, NumberedEntry[]>();
  for (const file of files) {
    const { parent } = splitRel(file.target);
    const group = groups.get(parent);
    if (group) group.push(file);
    else groups.set(parent, [file]);
  }
  return groups;
}
