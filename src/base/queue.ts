import { assert } from './assert.ts';
import { type Deferred, deferred } from './deferred.ts';

/**
 * A bounded first-in first-out queue between one or more producers and one or more consumers.
 * `push` waits while the queue is full; `pull` waits while it is empty and gives null once it is closed and drained.
 */
export class BoundedQueue<T> {
  readonly #items: T[] = [];
  readonly #pullers: Deferred<T | null>[] = [];
  readonly #pushers: Deferred<void>[] = [];
  readonly #capacity: number;
  #closed = false;
  #failure: unknown = null;

  constructor(capacity: number) {
    assert(capacity >= 1, 'a queue holds at least one item');
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length;
  }

  async push(item: T): Promise<void> {
    while (!this.#closed && this.#items.length >= this.#capacity) {
      const room = deferred<void>();
      this.#pushers.push(room);
      await room.promise;
    }
    this.tryPush(item);
  }

  /** Adds without waiting; false when the queue is full. An item for a closed queue is dropped. */
  tryPush(item: T): boolean {
    if (this.#closed) return true;
    const puller = this.#pullers.shift();
    if (puller) {
      puller.resolve(item);
      return true;
    }
    if (this.#items.length >= this.#capacity) return false;
    this.#items.push(item);
    return true;
  }

  async pull(): Promise<T | null> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#pushers.shift()?.resolve();
      return item;
    }
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) return null;
    const puller = deferred<T | null>();
    this.#pullers.push(puller);
    return puller.promise;
  }

  /** No more items; waiting pullers get null, or `failure` where one is given. */
  close(failure: unknown = null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure = failure;
    for (const puller of this.#pullers.splice(0))
      failure === null ? puller.resolve(null) : puller.reject(failure);
    for (const pusher of this.#pushers.splice(0)) pusher.resolve();
  }
}
