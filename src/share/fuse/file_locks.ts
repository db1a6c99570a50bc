import type { FoundLock, Posix } from '../../world/posix.ts';
import type { LockWish, OutsideLocks } from './locks.ts';
import type { FuseNodes } from './nodes.ts';
import type { OpenFiles } from './open_files.ts';
import { ERRNO, KIND_FILE, O_NONBLOCK } from './protocol.ts';

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_RDWR = 2;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** A file system that knows no locks: those of the mount hold among its own programs, as before. */
const UNKNOWN: ReadonlySet<number> = new Set([-ERRNO.ENOSYS, -ERRNO.EOPNOTSUPP, -ERRNO.EINVAL]);

interface Held {
  readonly fd: number;
  /** False where it is the descriptor of an opener, which is not closed here. */
  readonly isOwned: boolean;
}

/**
 * The locks of one mount as locks of this machine, so that they hold against its programs and against other mounts of the
 * folder. Each owner has a descriptor of its own for each file: the kernel ties locks to descriptors (open file description
 * locks, fcntl(2)), and what one owner closes takes no lock of another.
 */
export class FileLocks implements OutsideLocks {
  readonly #posix: Posix;
  readonly #nodes: FuseNodes;
  readonly #files: OpenFiles;
  readonly #held = new Map<string, Held>();

  constructor(posix: Posix, nodes: FuseNodes, files: OpenFiles) {
    this.#posix = posix;
    this.#nodes = nodes;
    this.#files = files;
  }

  /** Descriptors that hold locks. */
  get size(): number {
    return this.#held.size;
  }

  take(name: string, wish: LockWish): number {
    const held = this.#held.get(name) ?? this.#open(wish);
    if (held === null) return 0;
    if (typeof held === 'number') return held === -ERRNO.ESTALE ? held : -ERRNO.ENOLCK;
    const { locks } = this.#posix;
    const { isFlock, start, lengthBytes } = wish;
    const isShared = wish.mode === 'shared';
    const result = isFlock
      ? locks.flock(held.fd, (isShared ? LOCK_SH : LOCK_EX) | LOCK_NB)
      : locks.set(held.fd, isShared ? F_RDLCK : F_WRLCK, start, lengthBytes);
    if (result === 0) this.#held.set(name, held);
    else if (!this.#held.has(name)) this.#close(held);
    if (result === -ERRNO.EACCES) return -ERRNO.EAGAIN; // either is allowed to say that somebody else has it
    if (UNKNOWN.has(result)) return 0;
    return result === -ERRNO.EBADF ? -ERRNO.ENOLCK : result;
  }

  release(name: string, { isFlock, start, lengthBytes }: LockWish): void {
    const held = this.#held.get(name);
    if (held === undefined || isFlock) return; // a flock is one and whole: it ends with its descriptor
    this.#posix.locks.set(held.fd, F_UNLCK, start, lengthBytes);
  }

  end(name: string): void {
    const held = this.#held.get(name);
    if (held === undefined) return;
    this.#held.delete(name);
    if (!held.isOwned) this.#posix.locks.set(held.fd, F_UNLCK, 0n, 0n);
    this.#close(held);
  }

  find(wish: LockWish): FoundLock | null {
    if (wish.isFlock || wish.mode === null) return null;
    const held = this.#open(wish);
    if (held === null || typeof held === 'number') return null;
    const type = wish.mode === 'shared' ? F_RDLCK : F_WRLCK;
    const found = this.#posix.locks.find(held.fd, type, wish.start, wish.lengthBytes);
    this.#close(held);
    return found;
  }

  close(): void {
    for (const name of [...this.#held.keys()]) this.end(name);
  }

  #close({ fd, isOwned }: Held): void {
    if (isOwned) this.#posix.data.close(fd);
  }

  /** Null for what is no file: opening it would do something. A lock to write needs a descriptor to write, fcntl(2). */
  #open({ nodeId, isFlock, mode, handle }: LockWish): Held | number | null {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return -ERRNO.ESTALE;
    if (node.kind !== KIND_FILE) return null;
    const lesser = mode === 'shared' ? O_RDONLY : O_WRONLY;
    const borrowed = this.#nodes.borrow(node);
    if (borrowed < 0) return borrowed;
    try {
      let fd = -ERRNO.EACCES;
      for (const flags of isFlock ? [O_RDONLY, O_WRONLY] : [O_RDWR, lesser])
        if (fd < 0) fd = this.#posix.names.reopen(borrowed, flags | O_NONBLOCK);
      if (fd >= 0) return { fd, isOwned: true };
      // opened while its mode allowed that, as with a file that was made read-only
      const opener = this.#files.get(handle);
      return opener?.node === node ? { fd: opener.fd, isOwned: false } : fd;
    } finally {
      this.#nodes.giveBack(node, borrowed);
    }
  }
}
