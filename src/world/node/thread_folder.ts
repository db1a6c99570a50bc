import fs, { constants } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { bindLibc } from './libc.ts';

/** Linux: the working folder, root and umask become the calling thread's own. */
const CLONE_FS = 0x200;
/** Linux; `fs.constants` lacks it. */
const O_PATH = 0o10000000;

interface Functions {
  unshare(flags: number): number;
  fchdir(fd: number): number;
}

/**
 * The working folder of the calling thread alone: a name below it is reached by a third of the work that a path through
 * `/proc/self/fd` takes, and leads nowhere else either. Only for calls that follow at once in the same thread.
 */
export class ThreadFolder {
  readonly #fchdir: Functions['fchdir'];
  readonly #homeFd: number;
  /** Whose folder it is; null: the root of the file system. */
  #of: object | null = null;

  constructor(fchdir: Functions['fchdir'], homeFd: number) {
    this.#fchdir = fchdir;
    this.#homeFd = homeFd;
  }

  /** Makes the open folder `fd` the working folder; `lease` tells it from others that had the same number. False where that is refused. */
  enter(fd: number, lease: object): boolean {
    if (this.#of === lease) return true;
    this.#of = null;
    if (this.#fchdir(fd) !== 0) return false;
    this.#of = lease;
    return true;
  }

  /** Lets go of the folder: a thread that waits for work keeps no file system busy. */
  leave(): void {
    if (this.#of === null) return;
    this.#of = null;
    this.#fchdir(this.#homeFd);
  }
}

/** Null on the main thread, whose working folder is the process's, and where the system does not allow it. Called once in a thread. */
export function ownThreadFolder(): ThreadFolder | null {
  if (isMainThread) return null;
  const libc = bindLibc<Functions>({
    unshare: { return: 'i32', arguments: ['i32'] },
    fchdir: { return: 'i32', arguments: ['i32'] },
  });
  if (libc === null) return null;
  const { unshare, fchdir } = libc.functions;
  if (unshare(CLONE_FS) !== 0) return null; // some containers forbid the call
  return new ThreadFolder(fchdir, fs.openSync('/', O_PATH | constants.O_DIRECTORY));
}
