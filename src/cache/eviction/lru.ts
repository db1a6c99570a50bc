import { PINNED, QueuedPolicy } from './queued_policy.ts';

const RECENT = 1;

/** Least recently used leaves first: the measure that others have to beat. */
export class Lru extends QueuedPolicy {
  protected override readonly queueOfUnpinned = RECENT;

  constructor(capacityBytes: number) {
    super(capacityBytes, 1);
  }

  protected override chooseQueue(): number {
    return RECENT;
  }

  protected override used(slot: number): void {
    if (this.residents.queueOf(slot) !== PINNED) this.residents.move(slot, RECENT);
  }

  protected override leave(): number {
    return this.evict(this.residents.oldest(RECENT));
  }
}
