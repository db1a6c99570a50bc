import { constants } from 'node:os';
import { assert } from '../../base/assert.ts';
import { fromUtf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import type { Dir } from '../disk.ts';
import type { FolderHint, FolderHints, TakenHints } from '../folder_hints.ts';
import { NodeDir } from './dir.ts';
import { diskError } from './disk_errors.ts';
import { INOTIFY, InotifyQueue } from './inotify_queue.ts';
import { SystemCallError } from './syscalls.ts';

const { EMFILE, ENOSPC } = constants.errno;
const WANTED =
  INOTIFY.modify |
  INOTIFY.attributes |
  INOTIFY.closeWrite |
  INOTIFY.movedFrom |
  INOTIFY.movedTo |
  INOTIFY.create |
  INOTIFY.delete |
  INOTIFY.onlyFolders |
  INOTIFY.notOfNameless;

class Inotify implements FolderHints {
  readonly #queue: InotifyQueue;

  constructor(queue: InotifyQueue) {
    this.#queue = queue;
  }

  watch(dir: Dir): number {
    assert(dir instanceof NodeDir, 'the folder is one of this machine');
    const folderFd = dir.enterFd();
    try {
      const watch = this.#queue.add(folderFd, WANTED);
      if (watch >= 0) return watch;
      const failure = new SystemCallError('inotify_add_watch', -watch);
      throw watch === -ENOSPC ? tooMany(failure) : diskError('watch', dir.shown('.'), failure);
    } finally {
      dir.leaveFd();
    }
  }

  unwatch(watch: number): void {
    this.#queue.remove(watch);
  }

  take(maxHints: number): TakenHints {
    let hints: FolderHint[] = [];
    let isLossy = false;
    const isRead = this.#queue.take((watch, mask, bytes) => {
      isLossy ||= (mask & INOTIFY.overflow) !== 0 || hints.length > maxHints;
      if (isLossy) hints = [];
      const name = isLossy || bytes.length === 0 ? null : fromUtf8(bytes);
      if (name !== null) hints.push({ watch, name, ...kindsOf(mask) });
    });
    isLossy ||= !isRead || hints.length > maxHints;
    return { hints: isLossy ? [] : hints, isLossy };
  }

  close(): void {
    this.#queue.close();
  }
}

function kindsOf(mask: number) {
  const has = (bits: number) => (mask & bits) !== 0;
  return {
    appeared: has(INOTIFY.create | INOTIFY.movedTo),
    movedIn: has(INOTIFY.movedTo),
    movedOut: has(INOTIFY.movedFrom),
    removed: has(INOTIFY.delete),
    written: has(INOTIFY.modify),
    closed: has(INOTIFY.closeWrite),
    attributes: has(INOTIFY.attributes),
  };
}

function tooMany(cause: unknown): CausewayError {
  return new CausewayError('CW_WATCH_FOLDERS', 'this machine lets its programs watch no more folders', {
    cause,
  });
}

/** See `OpenFolderHints`. */
export function openNodeFolderHints(): FolderHints | null {
  try {
    const queue = InotifyQueue.open();
    return queue === null ? null : new Inotify(queue);
  } catch (failure) {
    if (failure instanceof SystemCallError && failure.errno === EMFILE) throw tooMany(failure);
    throw diskError('watch', 'folders', failure);
  }
}
