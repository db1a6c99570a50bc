import { assert } from '../../base/assert.ts';
import type { EvictionPolicy } from './policy.ts';
import { Residents } from './residents.ts';

/** The queue of pinned keys; those of a policy count from 1. */
export const PINNED = 0;

const NOTHING: readonly number[] = Object.freeze([]);

/** What all policies have in common: keys in queues, pins, sizes that change, and room that is made key by key. */
export abstract class QueuedPolicy implements EvictionPolicy<number> {
  protected readonly capacityBytes: number;
  protected readonly residents: Residents;

  constructor(capacityBytes: number, queueCount: number) {
    assert(capacityBytes > 0 && Number.isSafeInteger(capacityBytes), `a cache of ${capacityBytes} bytes`);
    this.capacityBytes = capacityBytes;
    this.residents = new Residents(queueCount + 1);
  }

  get residentBytes(): number {
    return this.residents.bytes;
  }

  /** What the index takes in memory. */
  get indexBytes(): number {
    return this.residents.indexBytes;
  }

  touch(key: number): boolean {
    const slot = this.residents.slotOf(key);
    this.asked(key);
    if (slot < 0) return false;
    this.used(slot);
    return true;
  }

  admit(key: number, sizeBytes: number): readonly number[] | null {
    const slot = this.residents.slotOf(key);
    if (slot >= 0) return this.#resize(slot, sizeBytes);
    if (sizeBytes + this.residents.bytesIn(PINNED) > this.capacityBytes) return null;
    const queue = this.chooseQueue(key, sizeBytes);
    const evicted = this.#makeRoom(sizeBytes);
    this.residents.add(key, sizeBytes, queue);
    this.entered();
    return evicted;
  }

  drop(key: number): void {
    const slot = this.residents.slotOf(key);
    if (slot >= 0) this.residents.remove(slot);
  }

  pin(key: number): void {
    const slot = this.residents.slotOf(key);
    assert(slot >= 0, `key ${key} is to be pinned and is not resident`);
    if (this.residents.queueOf(slot) !== PINNED) this.residents.move(slot, PINNED);
  }

  unpin(key: number): void {
    const slot = this.residents.slotOf(key);
    if (slot < 0 || this.residents.queueOf(slot) !== PINNED) return;
    this.residents.move(slot, this.queueOfUnpinned);
    this.entered();
  }

  /** Where a key goes whose pin ends. */
  protected abstract readonly queueOfUnpinned: number;
  /** Where a new key goes; called before room is made for it. */
  protected abstract chooseQueue(key: number, sizeBytes: number): number;
  /** A resident key was used; it may be pinned. */
  protected abstract used(slot: number): void;
  /** One step towards more room: the key that left, or -1 where one only changed its queue. Some key is not pinned. */
  protected abstract leave(neededBytes: number): number;
  /** A key was asked for, resident or not. */
  protected asked(_key: number): void {
    // Most policies look at resident keys only.
  }
  /** A key came to a queue: time to balance them. */
  protected entered(): void {
    // Most policies look at their queues when room is needed.
  }

  /** Removes a slot and tells its key. */
  protected evict(slot: number): number {
    const key = this.residents.keyOf(slot);
    this.residents.remove(slot);
    return key;
  }

  /** A key that changes its size counts as pinned meanwhile, so that it does not leave for itself. */
  #resize(slot: number, sizeBytes: number): readonly number[] | null {
    const { residents } = this;
    const [queue, before] = [residents.queueOf(slot), residents.sizeOf(slot)];
    if (sizeBytes === before) return NOTHING;
    const pinnedBytes = residents.bytesIn(PINNED) - (queue === PINNED ? before : 0);
    if (sizeBytes + pinnedBytes > this.capacityBytes) return null;
    if (queue !== PINNED) residents.move(slot, PINNED);
    const evicted = this.#makeRoom(sizeBytes - before);
    residents.resize(slot, sizeBytes);
    if (queue !== PINNED) residents.move(slot, queue);
    return evicted;
  }

  #makeRoom(sizeBytes: number): readonly number[] {
    if (this.residents.bytes + sizeBytes <= this.capacityBytes) return NOTHING;
    const evicted: number[] = [];
    while (this.residents.bytes + sizeBytes > this.capacityBytes) {
      const key = this.leave(sizeBytes);
      if (key >= 0) evicted.push(key);
    }
    return evicted;
  }
}
