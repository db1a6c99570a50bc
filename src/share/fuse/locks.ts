import { LIMITS } from '../../base/limits.ts';
import {
  type HeldLock,
  type LockMode,
  type LockRange,
  RangeLocks,
  WHOLE_FILE,
} from '../../tree/files/range_locks.ts';
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
  readonly processId: number;
}

interface Waiter {
  readonly wish: LockWish;
  /** Gets 0 or an error, once. */
  readonly answer: (result: number) => void;
}

const keyOf = ({ nodeId, isFlock }: Pick<LockWish, 'nodeId' | 'isFlock'>) =>
  `${isFlock ? 'f' : 'p'}${nodeId}`;

/** The locks that programs take through one mount, and those who wait for one. */
export class FuseLocks {
  readonly #locks = new RangeLocks();
  readonly #processes = new Map<string, number>();
  /** By the number of the request. */
  readonly #waiting = new Map<string, Waiter>();

  /** What is in the way, and the process that holds it. */
  conflict(wish: LockWish): { readonly held: HeldLock; readonly processId: number } | null {
    if (wish.mode === null) return null;
    const held = this.#locks.conflict(keyOf(wish), wish.owner, wish.mode, wish.range);
    return held === null ? null : { held, processId: this.#processes.get(held.owner) ?? 0 };
  }

  /** 0, or an error. */
  take(wish: LockWish): number {
    const key = keyOf(wish);
    if (wish.mode === null) {
      this.#locks.release(key, wish.owner, wish.range);
      this.#wake();
      return 0;
    }
    if (this.#locks.held(key).length >= LIMITS.mountLocksPerFileMax.value) return -ERRNO.ENOLCK;
    const isNew = !this.#processes.has(wish.owner);
    if (isNew && this.#processes.size >= LIMITS.mountLockOwnersMax.value) return -ERRNO.ENOLCK;
    if (this.#locks.take(key, wish.owner, wish.mode, wish.range) !== null) return -ERRNO.EAGAIN;
    this.#processes.set(wish.owner, wish.processId);
    this.#wake(); // an exclusive lock that became a shared one lets others in
    return 0;
  }

  /** The same, which waits where it must: `answer` gets the result later then, and null is given back. */
  takeOrWait(request: string, wish: LockWish, answer: (result: number) => void): number | null {
    const result = this.take(wish);
    if (result !== -ERRNO.EAGAIN) return result;
    if (!wish.isFlock && this.#wouldDeadlock(wish)) return -ERRNO.EDEADLK;
    if (this.#waiting.size >= LIMITS.mountLockWaitersMax.value) return -ERRNO.ENOLCK;
    this.#waiting.set(request, { wish, answer });
    return null;
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
    if (this.#locks.held(key).length === 0) return;
    this.#locks.release(key, owner, WHOLE_FILE);
    this.#processes.delete(owner);
    this.#wake();
  }

  #wake(): void {
    for (const [request, { wish, answer }] of this.#waiting) {
      if (wish.mode === null || this.conflict(wish) !== null) continue;
      this.#waiting.delete(request);
      this.#locks.take(keyOf(wish), wish.owner, wish.mode, wish.range);
      this.#processes.set(wish.owner, wish.processId);
      answer(0);
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
