/** Bytes from `start` up to `end`, which is Infinity for the end of the file wherever that is. */
export interface LockRange {
  readonly start: number;
  readonly end: number;
}

export const WHOLE_FILE: LockRange = { start: 0, end: Number.POSITIVE_INFINITY };

export type LockMode = 'shared' | 'exclusive';

export interface HeldLock extends LockRange {
  /** Who holds it: unique over all front ends of the tree. */
  readonly owner: string;
  readonly mode: LockMode;
}

/**
 * Locks on the files of one tree, with one meaning for all its front ends: that of fcntl(2). Locks of one owner never
 * conflict with each other; a new one takes the place of what the owner has in that range. Nodes are named by their ids.
 */
export class RangeLocks {
  readonly #byNode = new Map<string, HeldLock[]>();

  /** The first lock of another owner in the way of one like that; null where there is none. */
  conflict(nodeId: string, owner: string, mode: LockMode, range: LockRange): HeldLock | null {
    const inTheWay = (held: HeldLock) =>
      held.owner !== owner && overlap(held, range) && (mode === 'exclusive' || held.mode === 'exclusive');
    return this.#byNode.get(nodeId)?.find(inTheWay) ?? null;
  }

  /** Null where it is held from now on, otherwise what is in the way: then nothing has changed. */
  take(nodeId: string, owner: string, mode: LockMode, range: LockRange): HeldLock | null {
    const inTheWay = this.conflict(nodeId, owner, mode, range);
    if (inTheWay !== null) return inTheWay;
    this.release(nodeId, owner, range);
    const held = this.#byNode.get(nodeId) ?? [];
    if (range.start < range.end) held.push({ owner, mode, start: range.start, end: range.end });
    if (held.length > 0) this.#byNode.set(nodeId, held);
    return null;
  }

  /** What the owner has in the range; what reaches beyond it on either side stays. */
  release(nodeId: string, owner: string, range: LockRange): void {
    const held = this.#byNode.get(nodeId);
    if (held === undefined) return;
    const left = held.flatMap((lock) => (lock.owner === owner ? without(lock, range) : [lock]));
    if (left.length > 0) this.#byNode.set(nodeId, left);
    else this.#byNode.delete(nodeId);
  }

  /** Everything of an owner, which is gone. */
  releaseOwner(owner: string): void {
    for (const nodeId of [...this.#byNode.keys()]) this.release(nodeId, owner, WHOLE_FILE);
  }

  /** The name has gone to another node, which keeps the locks: the content was replaced in whole. */
  handOver(fromNodeId: string, toNodeId: string): void {
    const held = this.#byNode.get(fromNodeId);
    if (held === undefined || fromNodeId === toNodeId) return;
    this.#byNode.delete(fromNodeId);
    this.#byNode.set(toNodeId, [...(this.#byNode.get(toNodeId) ?? []), ...held]);
  }

  held(nodeId: string): readonly HeldLock[] {
    return this.#byNode.get(nodeId) ?? [];
  }
}

function overlap(a: LockRange, b: LockRange): boolean {
  return a.start < b.end && b.start < a.end;
}

function without(lock: HeldLock, range: LockRange): HeldLock[] {
  if (!overlap(lock, range)) return [lock];
  const left: HeldLock[] = [];
  if (lock.start < range.start) left.push({ ...lock, end: range.start });
  if (range.end < lock.end) left.push({ ...lock, start: range.end });
  return left;
}
