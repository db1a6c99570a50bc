import { CountMin } from './count_min.ts';
import { PINNED, QueuedPolicy } from './queued_policy.ts';

const [WINDOW, PROBATION, PROTECTED] = [1, 2, 3] as const;
const WINDOW_SHARE = 0.01;
const PROTECTED_SHARE = 0.8;

/**
 * W-TinyLFU (Einziger, Friedman, Manes: "TinyLFU: a highly efficient cache admission policy", ACM Transactions on
 * Storage 2017): new keys pass a small LRU window; the one that leaves it takes the place of the next to leave the main
 * part, a segmented LRU, only where it was used more often.
 */
export class TinyLfu extends QueuedPolicy {
  protected override readonly queueOfUnpinned = PROTECTED;
  readonly #counts: CountMin;
  readonly #windowBytes: number;
  readonly #protectedBytes: number;

  /** @param keyCount how many keys fit, about */
  constructor(capacityBytes: number, keyCount: number) {
    super(capacityBytes, 3);
    this.#counts = new CountMin(keyCount);
    this.#windowBytes = Math.ceil(capacityBytes * WINDOW_SHARE);
    this.#protectedBytes = (capacityBytes - this.#windowBytes) * PROTECTED_SHARE;
  }

  override get indexBytes(): number {
    return super.indexBytes + this.#counts.indexBytes;
  }

  protected override asked(key: number): void {
    this.#counts.note(key);
  }

  protected override chooseQueue(): number {
    return WINDOW;
  }

  protected override used(slot: number): void {
    const queue = this.residents.queueOf(slot);
    if (queue === PINNED) return;
    this.residents.move(slot, queue === WINDOW ? WINDOW : PROTECTED);
    this.#demote();
  }

  protected override entered(): void {
    this.#demote();
    const { residents } = this;
    while (
      residents.bytesIn(WINDOW) > this.#windowBytes &&
      residents.bytes + this.#windowBytes <= this.capacityBytes
    )
      residents.move(residents.oldest(WINDOW), PROBATION);
  }

  protected override leave(neededBytes: number): number {
    const { residents } = this;
    const victim = this.#oldestOfMain();
    const candidate = residents.oldest(WINDOW);
    if (victim < 0) return this.evict(candidate);
    const isFull = residents.bytesIn(WINDOW) + neededBytes > this.#windowBytes;
    if (candidate < 0 || !isFull) return this.evict(victim);
    const [comes, stays] = [residents.keyOf(candidate), residents.keyOf(victim)];
    if (this.#counts.countOf(comes) <= this.#counts.countOf(stays)) return this.evict(candidate);
    residents.move(candidate, PROBATION);
    return this.evict(victim);
  }

  #oldestOfMain(): number {
    const slot = this.residents.oldest(PROBATION);
    return slot >= 0 ? slot : this.residents.oldest(PROTECTED);
  }

  #demote(): void {
    while (this.residents.bytesIn(PROTECTED) > this.#protectedBytes)
      this.residents.move(this.residents.oldest(PROTECTED), PROBATION);
  }
}
