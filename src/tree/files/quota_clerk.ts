import type { QuotaSeat } from '../../world/mounts.ts';
import { QuotaAccount } from './quota_account.ts';

/** A thread's part in the account of a tree that it changes. Its calls wait, so that it is not for a main thread. */
export class QuotaClerk {
  readonly #account: QuotaAccount;
  readonly #held: BigInt64Array;
  readonly #seat: number;
  readonly #owners: readonly string[];
  /** Whose what is made here is. */
  readonly unmarked: number;

  constructor({ account, held, number, owners, unmarked }: QuotaSeat) {
    this.#owners = owners;
    this.unmarked = unmarked;
    this.#account = new QuotaAccount(account);
    this.#held = new BigInt64Array(held);
    this.#seat = number;
  }

  get limitBytes(): number {
    return Math.min(this.#account.limitBytes, this.#account.limitOf(this.unmarked));
  }

  get freeBytes(): number {
    return this.#account.freeOf(this.unmarked);
  }

  /** Whether files have owners at all. */
  get hasOwners(): boolean {
    return this.#owners.length > 0;
  }

  /** The owner of a file with that mark; null of one without. */
  ownerOf(mark: string | null): number {
    return mark === null ? this.unmarked : this.#owners.indexOf(mark) + 1;
  }

  /** Looks and changes that belong together: nobody else changes the tree meanwhile. */
  inTurn(work: () => number): number {
    this.#account.waitForTurn(this.#seat);
    try {
      return work();
    } finally {
      this.#account.endTurn();
    }
  }

  /** False where growth does not fit. */
  charge(bytes: number, owner = this.unmarked): boolean {
    return this.#account.charge(bytes, owner);
  }

  settle(bytes: number, owner = this.unmarked): void {
    this.#account.settle(bytes, owner);
  }

  /** So much more, or less, of what is charged belongs to files that have no name any more, and that this thread has open. */
  hold(bytes: number, owner = this.unmarked): void {
    Atomics.add(this.#held, owner, BigInt(bytes));
  }
}
