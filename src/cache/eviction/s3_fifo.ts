import { GhostTable } from './ghost_table.ts';
import { PINNED, QueuedPolicy } from './queued_policy.ts';
import { ShareTuner } from './share_tuner.ts';

const [SMALL, MAIN] = [1, 2] as const;
/** Uses are counted up to this: how often a key of the main queue is spared at most without a new use. */
const USES_MAX = 3;
/** Share of the small queue: what is used once only leaves after a tenth of the cache has passed it. */
const SMALL_SHARE = 0.1;
/** Where all that is used now would fit if only what was used before left: a loop over a file, after one over another. */
const LARGE_SHARE = 0.9;

/**
 * S3-FIFO (Yang, Zhang, Qiu, Yue, Vigfusson: "FIFO queues are all you need for cache eviction", SOSP 2023): a small
 * queue that new keys pass, a main queue for those that were used there or come back soon, and a ghost queue that
 * remembers who was turned away. A hit counts a use and moves nothing.
 *
 * One thing is added. With a small queue of a fixed tenth, files that are read over and over, and would fit, are turned
 * away for what was used much before them: the known weakness, where LRU is better. So the share of the small queue is
 * a tenth or nine tenths, whichever has more hits in miniature (see {@link ShareTuner}).
 */
export class S3Fifo extends QueuedPolicy {
  protected override readonly queueOfUnpinned = SMALL;
  readonly #ghost: GhostTable;
  readonly #tuner: ShareTuner | null;
  readonly #fixedShare: number;
  /**
   * Nothing was evicted yet, or most was dropped since: what leaves the small queue is as good as anything that the main
   * queue could have in its place. A loop that is longer than the cache has its hits on what came so.
   */
  #filling = true;

  /** @param smallShare share of the small queue, > 0 and < 1; where it is not given, it follows what is going on */
  constructor(capacityBytes: number, smallShare?: number) {
    super(capacityBytes, 2);
    this.#ghost = new GhostTable(capacityBytes * (1 - SMALL_SHARE));
    this.#fixedShare = smallShare ?? SMALL_SHARE;
    const make = (bytes: number, share: number) => new S3Fifo(bytes, share);
    this.#tuner =
      smallShare === undefined ? new ShareTuner(capacityBytes, [SMALL_SHARE, LARGE_SHARE], make) : null;
  }

  override get indexBytes(): number {
    return super.indexBytes + this.#ghost.indexBytes + (this.#tuner?.indexBytes ?? 0);
  }

  override drop(key: number): void {
    super.drop(key);
    const keptBytes = this.residents.bytesIn(MAIN) + this.residents.bytesIn(PINNED);
    if (keptBytes * 2 < this.capacityBytes) this.#filling = true;
  }

  protected override chooseQueue(key: number, sizeBytes: number): number {
    this.#tuner?.note(key, sizeBytes);
    return this.#ghost.take(key) ? MAIN : SMALL;
  }

  protected override used(slot: number): void {
    const { residents } = this;
    const uses = residents.marks[slot]!;
    if (uses < USES_MAX) residents.marks[slot] = uses + 1;
    this.#tuner?.note(residents.keyOf(slot), residents.sizeOf(slot));
  }

  protected override entered(): void {
    const smallBytes = this.#smallBytes();
    while (this.#filling && this.residents.bytesIn(SMALL) > smallBytes)
      this.residents.move(this.residents.oldest(SMALL), MAIN);
  }

  protected override leave(): number {
    this.#filling = false;
    const { residents } = this;
    const fromSmall = residents.bytesIn(SMALL) > this.#smallBytes() || residents.bytesIn(MAIN) === 0;
    return fromSmall ? this.#leaveSmall() : this.#leaveMain();
  }

  #smallBytes(): number {
    return this.capacityBytes * (this.#tuner?.share ?? this.#fixedShare);
  }

  #leaveSmall(): number {
    const { residents } = this;
    const slot = residents.oldest(SMALL);
    if (residents.marks[slot]! > 1) {
      residents.marks[slot] = 0;
      residents.move(slot, MAIN);
      return -1;
    }
    this.#ghost.add(residents.keyOf(slot), residents.sizeOf(slot));
    return this.evict(slot);
  }

  #leaveMain(): number {
    const { residents } = this;
    const slot = residents.oldest(MAIN);
    const uses = residents.marks[slot]!;
    if (uses === 0) return this.evict(slot);
    residents.marks[slot] = uses - 1;
    residents.move(slot, MAIN);
    return -1;
  }
}
