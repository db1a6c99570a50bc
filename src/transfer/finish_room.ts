import { type Deferred, deferred } from '../base/deferred.ts';

/** Holds lanes back while something is too full for more. */
export class FinishRoom {
  readonly #isFull: () => boolean;
  #waiters: Deferred<void>[] = [];

  constructor(isFull: () => boolean) {
    this.#isFull = isFull;
  }

  /** Resolves once there is room. */
  async wait(): Promise<void> {
    while (this.#isFull()) {
      const waiter = deferred<void>();
      this.#waiters.push(waiter);
      await waiter.promise;
    }
  }

  /** Those that wait look again. */
  wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }
}
