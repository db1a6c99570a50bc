import { LIMITS } from '../base/limits.ts';
import type { PlanEntry, Problem } from '../wire/copy_types.ts';
import type { Stat } from '../world/disk.ts';

interface FirstName {
  readonly path: string;
  readonly index: number;
  /** Names of the file that the walk has not met yet. */
  left: number;
}

/**
 * Finds the entries of a plan that are names of one file: the first carries its bytes, the others become hard links to it.
 * Memory holds files of which names are still to come, at most LIMITS.hardLinksMax.
 */
export class HardLinkNames {
  readonly #firsts = new Map<string, FirstName>();
  /** Files that travel once for each name because there was no room to remember them. */
  forgotten = 0;

  /** The entry as it goes into the plan under the number `index`. */
  place(entry: PlanEntry, stat: Pick<Stat, 'deviceId' | 'inode' | 'linkCount'>, index: number): PlanEntry {
    if (entry.kind !== 'file' || stat.linkCount < 2) return entry;
    const key = `${stat.deviceId}:${stat.inode}`;
    const first = this.#firsts.get(key);
    if (first === undefined) {
      if (this.#firsts.size < LIMITS.hardLinksMax.value)
        this.#firsts.set(key, { path: entry.path, index, left: stat.linkCount - 1 });
      else this.forgotten += 1;
      return entry;
    }
    first.left -= 1;
    if (first.left === 0) this.#firsts.delete(key);
    const { path, mode, mtimeNs, ctimeNs, inode } = entry;
    const own = { path, mode, mtimeNs, ctimeNs, inode };
    return { ...own, kind: 'hardLink', sizeBytes: 0, linkTarget: first.path, first: first.index };
  }

  problem(): Problem {
    return {
      path: '',
      code: 'CW_LIMIT',
      message: `more than ${LIMITS.hardLinksMax.value} files have several names: ${this.forgotten} names of others are copied as files of their own`,
    };
  }
}
