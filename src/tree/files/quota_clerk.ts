import type { QuotaSeat } from '../../world/mounts.ts';
import { QuotaAccount } from './quota_account.ts';

/** A thread's part in the account of a tree that it changes. Its calls wait, so that it is not for a main thread. */
export class QuotaClerk {
  readonly #account: QuotaAccount;
  readonly #held: BigInt64Array;
  readonly #seat: number;

  constructor({ account, held, number }: QuotaSeat) {
    this.#account = new QuotaAccount(account);
    this.#held = new BigInt64Array(held);
    this.#seat = number;
  }

  get limitBytes(): number {
    return this.#account.limitBytes;
  }

  get freeBytes(): number {
    return this.#account.freeBytes;
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
  charge(bytes: number): boolean {
    return this.#account.charge(bytes);
  }

  settle(bytes: number): void {
    this.#account.settle(bytes);
  }

  /** So much more, or less, of what is charged belongs to files that have no name any more, and that this thread has open. */
  hold(bytes: number): void {
    Atomics.add(this.#held, 0, BigInt(bytes));
  }
}
