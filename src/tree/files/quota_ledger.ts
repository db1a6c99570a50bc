import { CausewayError } from '../../base/errors.ts';
import { joinRel, type RelPath, ROOT_PATH } from '../../base/path.ts';
import type { QuotaSeat } from '../../world/mounts.ts';
import type { FileTree, TreeNode } from './file_tree.ts';
import { FIRST_SEAT, QuotaAccount } from './quota_account.ts';

/**
 * How many bytes the files of a tree have together, by their sizes, and how many they may have. A file with several names
 * counts once. Other threads that change the tree have a seat at it.
 */
export class QuotaLedger {
  readonly #account: QuotaAccount;
  readonly #seats = new Set<QuotaSeat>();
  #nextSeat = FIRST_SEAT;
  #reservedBytes = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(limitBytes: number, usedBytes: number) {
    this.#account = QuotaAccount.of(limitBytes, usedBytes);
  }

  get limitBytes(): number {
    return this.#account.limitBytes;
  }

  get usedBytes(): number {
    return this.#account.usedBytes;
  }

  get freeBytes(): number {
    return this.#account.freeBytes;
  }

  /** CW_DISK_QUOTA where growth does not fit; what is given back always does. */
  charge(bytes: number): void {
    if (!this.#account.charge(bytes))
      throw new CausewayError('CW_DISK_QUOTA', 'the quota of the share is used up');
  }

  /** The same for what is not in the tree yet: a new measurement does not find it. */
  reserve(bytes: number): void {
    this.charge(bytes);
    this.#reservedBytes += bytes;
  }

  /** What was reserved is in the tree now, or is given back. */
  unreserve(bytes: number): void {
    this.#reservedBytes -= bytes;
  }

  /** What has happened already, whether it fits or not. */
  settle(bytes: number): void {
    this.#account.settle(bytes);
  }

  /** Counts anew, while nobody changes anything. */
  recount(measure: () => Promise<number>): Promise<void> {
    return this.inTurn(async () => {
      const measured = await measure();
      let heldBytes = 0;
      for (const seat of this.#seats) heldBytes += heldIn(seat);
      this.#account.correct(measured + this.#reservedBytes + heldBytes);
    });
  }

  /** For another thread that changes the tree. */
  seat(): QuotaSeat {
    const held = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
    const seat = { account: this.#account.memory, held, number: this.#nextSeat };
    this.#nextSeat += 1;
    this.#seats.add(seat);
    return seat;
  }

  /** That thread is gone. True where it was in the middle of a change, so that the sum is to be counted anew. */
  leave(seat: QuotaSeat): boolean {
    if (!this.#seats.delete(seat)) return false;
    this.#account.settle(-heldIn(seat)); // what it held is gone with its last opener
    return this.#account.breakTurn(seat.number);
  }

  /** Looks and changes that belong together: none of another caller or thread comes between them. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      await this.#account.mainTurn();
      try {
        return await work();
      } finally {
        this.#account.endTurn();
      }
    });
    this.#last = turn.then(
      () => undefined,
      () => undefined, // its caller learns of the failure; the next one has its turn all the same
    );
    return turn;
  }
}

function heldIn({ held }: QuotaSeat): number {
  return Number(Atomics.load(new BigInt64Array(held), 0));
}

/** The sizes of all files below the root; symlinks are not followed. Folders that vanish meanwhile count as they were read. */
export async function measureTree(tree: FileTree): Promise<number> {
  const counted = new Set<string>();
  const pending: RelPath[] = [ROOT_PATH];
  let sum = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for await (const page of tree.list(path))
      for (const { name, node } of page) {
        if (node.kind === 'directory') pending.push(joinRel(path, name));
        else if (node.kind === 'file' && isFirst(counted, node)) sum += node.sizeBytes;
      }
  }
  return sum;
}

function isFirst(counted: Set<string>, node: TreeNode): boolean {
  if (node.linkCount < 2) return true;
  if (counted.has(node.id)) return false;
  counted.add(node.id);
  return true;
}
