import { release } from 'node:os';
import { LIMITS } from '../../base/limits.ts';
import type { LookFields } from './look_fields.ts';

/** Where whatever sets or removes an extended attribute or an access list gives the file another change time. */
const CHANGING_TIMES: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs']);
/** tmpfs does so from Linux 6.1 on; a later one is asked for, since others may have taken the change over. */
const TMPFS_SINCE = [6, 6] as const;
/** A change within the same tick of the clock leaves the change time as it is: a file has to be older. */
const OLD_S = 2;
/** A row: the inode, and seconds and nanoseconds of the change time. */
const WORDS = 4;

/** Whether a change time tells of each change of attributes there; `kernel` is the release of Linux. */
export function tellsOfAttributes(fileSystem: string, kernel = release()): boolean {
  if (fileSystem !== 'tmpfs') return CHANGING_TIMES.has(fileSystem);
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  return major > TMPFS_SINCE[0] || (major === TMPFS_SINCE[0] && minor >= TMPFS_SINCE[1]);
}

/**
 * Files that were found to have no extended attributes, by inode and change time, of one device at a time: who walks through
 * the same tree again need not ask for theirs. It forgets some where there are many.
 */
export class BareFiles {
  #rows: Uint32Array | null = null;
  #device0 = 0;
  #device1 = 0;

  /** Whether a file, as stat(2) tells of it, is known to have none. */
  has(view: LookFields): boolean {
    const rows = this.#rows;
    if (rows === null || !this.#isOfDevice(view)) return false;
    const row = rowOf(view);
    return (
      rows[row] === view.inodeWord(0) &&
      rows[row + 1] === view.inodeWord(1) &&
      rows[row + 2] === view.ctimeWord(0) &&
      rows[row + 3] === view.ctimeWord(1)
    );
  }

  /** Notes a file that has none; one that has changed within the last seconds is not noted. */
  add(view: LookFields, nowS: number): void {
    if (view.ctimeS > nowS - OLD_S) return;
    const rows = this.#rows ?? new Uint32Array(LIMITS.bareFilesMax.value * WORDS);
    this.#rows = rows;
    if (!this.#isOfDevice(view)) {
      rows.fill(0);
      this.#device0 = view.deviceWord(0);
      this.#device1 = view.deviceWord(1);
    }
    const row = rowOf(view);
    rows[row] = view.inodeWord(0);
    rows[row + 1] = view.inodeWord(1);
    rows[row + 2] = view.ctimeWord(0);
    rows[row + 3] = view.ctimeWord(1);
  }

  #isOfDevice(view: LookFields): boolean {
    return view.deviceWord(0) === this.#device0 && view.deviceWord(1) === this.#device1;
  }
}

/** Files that were made one after the other have inodes that follow each other: they get rows of their own. */
function rowOf(view: LookFields): number {
  return (view.inodeWord(0) % LIMITS.bareFilesMax.value) * WORDS;
}
