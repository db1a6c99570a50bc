import { constants } from 'node:os';
import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { CachedEntries, CachedPart, FilePart } from '../cached_entries.ts';
import type { Stat } from '../disk.ts';
import { type CachedCalls, type CachedOpen, loadCachedCalls } from './cached_calls.ts';

/** File systems of this machine, whose open(2) asks nobody. Names as {@link SpaceInfo} has them. */
const LOCAL: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs', 'f2fs', 'zfs', 'tmpfs', 'ramfs']);
/** They have no reads that do not wait, since none does. */
const MEMORY: ReadonlySet<string> = new Set(['tmpfs', 'ramfs']);

/** An open folder whose descriptor is used for one call at a time. */
interface OpenFolder {
  enterFd(): number;
  leaveFd(): void;
}

class NodeCachedEntries implements CachedEntries {
  readonly #calls: CachedCalls;
  readonly #folder: OpenFolder;
  readonly #isMemory: boolean;

  constructor(calls: CachedCalls, folder: OpenFolder, isMemory: boolean) {
    this.#calls = calls;
    this.#folder = folder;
    this.#isMemory = isMemory;
  }

  look(path: RelPath): Stat | 'missing' | null {
    return this.#with(path, 'look', (fd) => {
      if (fd < 0) return fd === -constants.errno.ENOENT ? 'missing' : null;
      return this.#calls.statOf(fd);
    });
  }

  read(path: RelPath, choose: (stat: Stat) => FilePart | null): CachedPart | null {
    const named = this.look(path);
    // whoever opens a pipe is noticed at its other end
    if (named === null || named === 'missing' || named.kind !== 'file') return null;
    return this.#with(path, 'read', (fd) => {
      const stat = fd < 0 ? null : this.#calls.statOf(fd);
      if (stat === null || stat.kind !== 'file') return null;
      const part = choose(stat);
      if (part === null) return { stat, bytes: null };
      const sizeBytes = part.end - part.start;
      if (sizeBytes > LIMITS.cachedReadBytes.value) return null;
      if (sizeBytes === 0) return { stat, bytes: new Uint8Array(0) };
      const bytes = this.#calls.read(fd, part.start, sizeBytes, this.#isMemory);
      return bytes === null ? null : { stat, bytes };
    });
  }

  #with<T>(path: RelPath, mode: CachedOpen, use: (fd: number) => T): T {
    const dirFd = this.#folder.enterFd();
    try {
      const fd = this.#calls.openBelow(dirFd, path === '' ? '.' : path, mode, this.#isMemory);
      try {
        return use(fd);
      } finally {
        if (fd >= 0) this.#calls.close(fd);
      }
    } finally {
      this.#folder.leaveFd();
    }
  }
}

/** Null where the system has no such calls, or the file system might ask another machine or a program all the same. */
export function cachedEntriesOf(folder: OpenFolder, fileSystem: string): CachedEntries | null {
  const calls = LOCAL.has(fileSystem) ? loadCachedCalls() : null;
  return calls === null ? null : new NodeCachedEntries(calls, folder, MEMORY.has(fileSystem));
}

/** What stands at a path of the machine, as far as that is known without waiting; null where it is not. */
export function cachedStat(absolutePath: string): Stat | null {
  const calls = loadCachedCalls();
  const fd = calls?.openPath(absolutePath) ?? -1;
  if (calls === null || fd < 0) return null;
  try {
    return calls.statOf(fd);
  } finally {
    calls.close(fd);
  }
}
