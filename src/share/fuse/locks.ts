import { LIMITS } from '../../base/limits.ts';
import {
  type HeldLock,
  type LockMode,
  type LockRange,
  RangeLocks,
  WHOLE_FILE,
} from '../../tree/files/range_locks.ts';
import type { FoundLock } from '../../world/posix.ts';
import { ERRNO } from './protocol.ts';

/** Who the kernel says holds a lock: a number of 64 bits that is no address of anything here. */
export function lockOwnerAt(view: DataView, at: number): string {
  return `${view.getUint32(at + 4, true)}:${view.getUint32(at, true)}`;
}

export interface LockWish {
  readonly nodeId: number;
  readonly owner: string;
  /** flock(2) and fcntl(2) know nothing of each other. */
  readonly isFlock: boolean;
  /** Null: to be released. */
  readonly mode: LockMode | null;
  readonly range: LockRange;
  /** The same range to the byte; a length of 0 reaches to the end of the file, wherever that is. */
  readonly start: bigint;
  readonly lengthBytes: bigint;
  readonly processId: number;
  /** Of the open file by which it is asked for. */
  readonly handle: number;
}

/** Locks on the same files that others than the programs of this mount respect. `name` stands for an owner on a file. */
export interface OutsideLocks {
  /** 0, EAGAIN where somebody else is in the way, or another error. */
  take(name: string, wish: LockWish): number;
  release(name: string, wish: LockWish): void;
  /** All that an owner has on a file. */
  end(name: string): void;
  find(wish: LockWish): FoundLock | null;
  close(): void;
}

interface Waiter {
  readonly wish: LockWish;
  /** Gets 0 or an error, once. */
  readonly answer: (result: number) => void;
}

interface Holder {
  readonly processId: number;
  /** Open files by which it has taken locks. */
  readonly handles: Set<number>;
}

const keyOf = ({ nodeId, isFlock }: Pick<LockWish, 'nodeId' | 'isFlock'>) =>
  `${isFlock ? 'f' : 'p'}${nodeId}`;
const nameOf = (key: string, owner: string) => `${key} ${owner}`;

/** The locks that programs take through one mount, and those who wait for one. */
export class FuseLocks {
  readonly #locks = new RangeLocks();
  readonly #outside: OutsideLocks | null;
  /** By owner and file. */
  readonly #holders = new Map<string, Holder>();
  /** By the number of the request. */
  readonly #waiting = new Map<string, Waiter>();
  #waitsOutside = false;

  /** Null: locks hold among the programs of the mount alone. */
  constructor(outside: OutsideLocks | null = null) {
    this.#outside = outside;
  }

  /** Somebody waits for a lock that nobody of this mount has: that it is free is found out by {@link retry} only. */
  get waitsOutside(): boolean {
    return this.#waitsOutside;
  }

  /** What is in the way, and the process that holds it. */
  conflict(wish: LockWish): { readonly held: HeldLock; readonly processId: number } | null {
    if (wish.mode === null) return null;
    const key = keyOf(wish);
    const held = this.#locks.conflict(key, wish.owner, wish.mode, wish.range);
    if (held === null) return null;
    return { held, processId: this.#holders.get(nameOf(key, held.owner))?.processId ?? 0 };
  }

  /** What of others than this mount is in the way. */
  conflictOutside(wish: LockWish): FoundLock | null {
    return this.#outside?.find(wish) ?? null;
  }

  /** 0, or an error. */
  take(wish: LockWish): number {
    const key = keyOf(wish);
    const name = nameOf(key, wish.owner);
    if (wish.mode === null) {
      this.#locks.release(key, wish.owner, wish.range);
      this.#outside?.release(name, wish);
      if (!this.#holds(key, wish.owner)) this.#end(name);
      this.#wake();
      return 0;
    }
    if (this.#locks.held(key).length >= LIMITS.mountLocksPerFileMax.value) return -ERRNO.ENOLCK;
    const isNew = !this.#holders.has(name);
    if (isNew && this.#holders.size >= LIMITS.mountLockOwnersMax.value) return -ERRNO.ENOLCK;
    const result = this.#grant(wish);
    if (result === 0) this.#wake(); // an exclusive lock that became a shared one lets others in
    return result;
  }

  /** The same, which waits where it must: `answer` gets the result later then, and null is given back. */
  takeOrWait(request: string, wish: LockWish, answer: (result: number) => void): number | null {
    const result = this.take(wish);
    if (result !== -ERRNO.EAGAIN) return result;
    if (!wish.isFlock && this.#wouldDeadlock(wish)) return -ERRNO.EDEADLK;
    if (this.#waiting.size >= LIMITS.mountLockWaitersMax.value) return -ERRNO.ENOLCK;
    this.#waiting.set(request, { wish, answer });
    this.#waitsOutside ||= this.conflict(wish) === null;
    return null;
  }

  /** Looks again for those who wait. */
  retry(): void {
    this.#wake();
  }

  /** The one who made the request does not want to wait any more. */
  interrupt(request: string): void {
    const waiter = this.#waiting.get(request);
    if (waiter === undefined) return;
    this.#waiting.delete(request);
    waiter.answer(-ERRNO.EINTR);
  }

  releaseOwner(nodeId: number, owner: string, isFlock: boolean): void {
    const key = keyOf({ nodeId, isFlock });
    if (!this.#holds(key, owner)) return;
    this.#locks.release(key, owner, WHOLE_FILE);
    this.#end(nameOf(key, owner));
    this.#wake();
  }

  /**
   * An open file is closed for good. Locks that belong to it alone (F_OFD_SETLK) end with it, which the kernel tells in no
   * other way; those of processes have ended before.
   */
  releaseHandle(nodeId: number, handle: number): void {
    for (const isFlock of [false, true]) {
      const key = keyOf({ nodeId, isFlock });
      for (const { owner } of [...this.#locks.held(key)])
        if (this.#holders.get(nameOf(key, owner))?.handles.has(handle) === true)
          this.releaseOwner(nodeId, owner, isFlock);
    }
  }

  close(): void {
    this.#waiting.clear();
    this.#outside?.close();
  }

  #holds(key: string, owner: string): boolean {
    return this.#locks.held(key).some((held) => held.owner === owner);
  }

  #end(name: string): void {
    this.#holders.delete(name);
    this.#outside?.end(name);
  }

  /** 0, or an error: nothing has changed then. */
  #grant(wish: LockWish): number {
    const { mode, owner, range, handle, processId } = wish;
    if (mode === null) return 0;
    if (this.conflict(wish) !== null) return -ERRNO.EAGAIN;
    const key = keyOf(wish);
    const name = nameOf(key, owner);
    const result = this.#outside?.take(name, wish) ?? 0;
    if (result < 0) return result;
    this.#locks.take(key, owner, mode, range);
    const holder = this.#holders.get(name) ?? { processId, handles: new Set() };
    holder.handles.add(handle);
    this.#holders.set(name, holder);
    return 0;
  }

  #wake(): void {
    this.#waitsOutside = false;
    for (const [request, { wish, answer }] of this.#waiting) {
      if (this.conflict(wish) !== null) continue;
      const result = this.#grant(wish);
      if (result === -ERRNO.EAGAIN) this.#waitsOutside = true;
      else {
        this.#waiting.delete(request);
        answer(result);
      }
    }
  }

  /** Whether those in the way wait, directly or through others, for the one who wishes. */
  #wouldDeadlock(wish: LockWish): boolean {
    const seen = new Set<string>();
    const pending = [this.conflict(wish)?.held.owner];
    for (let owner = pending.pop(); owner !== undefined; owner = pending.pop()) {
      if (owner === wish.owner) return true;
      if (seen.has(owner)) continue;
      seen.add(owner);
      for (const { wish: other } of this.#waiting.values())
        if (other.owner === owner && !other.isFlock) pending.push(this.conflict(other)?.held.owner);
    }
    return false;
  }
}
