import { CausewayError } from '../../base/errors.ts';
import { joinRel, type RelPath, ROOT_PATH } from '../../base/path.ts';
import type { QuotaSeat } from '../../world/mounts.ts';
import type { FileTree, TreeNode } from './file_tree.ts';
import { FIRST_SEAT, NO_OWNER, QuotaAccount } from './quota_account.ts';
import { markAt } from './quota_owner.ts';

/** Whose files may have so many bytes together. */
export interface OwnerLimit {
  readonly name: string;
  readonly limitBytes: number;
}

/** Limits of users of a tree, whose files have marks. */
export interface OwnerLimits {
  readonly limits: readonly OwnerLimit[];
  /** Whose a file without a mark is. */
  readonly unmarked: string;
}

/** What the files of a tree have together, and those of owner 1, 2, …. */
export interface Measured {
  readonly sum: number;
  readonly ofOwners: readonly number[];
}

/**
 * How many bytes the files of a tree have together, by their sizes, and how many they may have. A file with several names
 * counts once. Other threads that change the tree have a seat at it.
 */
export class QuotaLedger {
  readonly #account: QuotaAccount;
  readonly #seats = new Set<QuotaSeat>();
  readonly #owners: readonly string[];
  /** Whose a file without a mark is. */
  readonly unmarked: number;
  #nextSeat = FIRST_SEAT;
  /** Of owner 0, 1, …. */
  readonly #reservedBytes: number[];
  #last: Promise<void> = Promise.resolve();

  constructor(limitBytes: number, usedBytes: number, owners: OwnerLimits = { limits: [], unmarked: '' }) {
    const { limits, unmarked } = owners;
    this.#owners = limits.map(({ name }) => name);
    this.unmarked = this.#owners.indexOf(unmarked) + 1;
    const ownerLimits = limits.map((owner) => owner.limitBytes);
    this.#account = QuotaAccount.of(limitBytes, usedBytes, ownerLimits);
    this.#reservedBytes = [NO_OWNER, ...limits].map(() => 0);
  }

  /** Whether files have owners at all. */
  get hasOwners(): boolean {
    return this.#owners.length > 0;
  }

  get ownerCount(): number {
    return this.#owners.length;
  }

  /** The owner of a file with that mark; null of one without. */
  ownerOf(mark: string | null): number {
    return mark === null ? this.unmarked : this.#owners.indexOf(mark) + 1;
  }

  /** What owner may have, has, and may still have; one without a limit has what the tree has. */
  spaceOf(owner: number): {
    readonly limitBytes: number;
    readonly usedBytes: number;
    readonly freeBytes: number;
  } {
    const account = this.#account;
    if (owner === NO_OWNER) return this;
    const [limitBytes, usedBytes] = [account.limitOf(owner), account.usedOf(owner)];
    return { limitBytes, usedBytes, freeBytes: account.freeOf(owner) };
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
  charge(bytes: number, owner = this.unmarked): void {
    if (this.#account.charge(bytes, owner)) return;
    const whose = this.#account.freeBytes < bytes ? 'the share' : `${this.#owners[owner - 1]} in this share`;
    throw new CausewayError('CW_DISK_QUOTA', `the quota of ${whose} is used up`);
  }

  /** The same for what is not in the tree yet: a new measurement does not find it. */
  reserve(bytes: number, owner = this.unmarked): void {
    this.charge(bytes, owner);
    this.#reservedBytes[owner]! += bytes;
  }

  /** What was reserved is in the tree now, or is given back. */
  unreserve(bytes: number, owner = this.unmarked): void {
    this.#reservedBytes[owner]! -= bytes;
  }

  /** What has happened already, whether it fits or not. */
  settle(bytes: number, owner = this.unmarked): void {
    this.#account.settle(bytes, owner);
  }

  /** Counts anew, while nobody changes anything. */
  recount(measure: () => Promise<Measured>): Promise<void> {
    return this.inTurn(async () => {
      const { sum, ofOwners } = await measure();
      const more = this.#reservedBytes.map((reserved, owner) => {
        let bytes = reserved;
        for (const seat of this.#seats) bytes += heldIn(seat, owner);
        return bytes;
      });
      const all = more.reduce((left, right) => left + right, sum);
      this.#account.correct(
        all,
        ofOwners.map((used, index) => used + more[index + 1]!),
      );
    });
  }

  /** For another thread that changes the tree. */
  seat(): QuotaSeat {
    const held = new SharedArrayBuffer(this.#reservedBytes.length * BigInt64Array.BYTES_PER_ELEMENT);
    const [owners, unmarked] = [this.#owners, this.unmarked];
    const seat = { account: this.#account.memory, held, number: this.#nextSeat, owners, unmarked };
    this.#nextSeat += 1;
    this.#seats.add(seat);
    return seat;
  }

  /** That thread is gone. True where it was in the middle of a change, so that the sum is to be counted anew. */
  leave(seat: QuotaSeat): boolean {
    if (!this.#seats.delete(seat)) return false;
    // what it held is gone with its last opener
    for (const owner of this.#reservedBytes.keys()) this.#account.settle(-heldIn(seat, owner), owner);
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

function heldIn({ held }: QuotaSeat, owner: number): number {
  return Number(Atomics.load(new BigInt64Array(held), owner));
}

/** The sizes of all files below the root; symlinks are not followed. Folders that vanish meanwhile count as they were read. */
export async function measureTree(tree: FileTree): Promise<number> {
  return (await measureOwners(tree, null)).sum;
}

/** The same for the owners that the ledger knows. */
export async function measureOwners(tree: FileTree, ledger: QuotaLedger | null): Promise<Measured> {
  const all = ledger?.hasOwners ? null : await tree.caps.measureFiles?.();
  if (all !== null && all !== undefined) return { sum: all, ofOwners: [] };
  const counted = new Set<string>();
  const pending: RelPath[] = [ROOT_PATH];
  const values = ledger?.hasOwners ? tree.caps.values : null;
  const sums: number[] = [];
  let sum = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for await (const page of tree.list(path))
      for (const { name, node } of page) {
        if (node.kind === 'directory') pending.push(joinRel(path, name));
        if (node.kind !== 'file' || !isFirst(counted, node)) continue;
        sum += node.sizeBytes;
        if (values === null || ledger === null) continue;
        const owner = ledger.ownerOf(await markAt(values, joinRel(path, name)));
        sums[owner] = (sums[owner] ?? 0) + node.sizeBytes;
      }
  }
  const owners = ledger?.ownerCount ?? 0;
  return { sum, ofOwners: Array.from({ length: owners }, (_, index) => sums[index + 1] ?? 0) };
}

function isFirst(counted: Set<string>, node: TreeNode): boolean {
  if (node.linkCount < 2) return true;
  if (counted.has(node.id)) return false;
  counted.add(node.id);
  return true;
}
