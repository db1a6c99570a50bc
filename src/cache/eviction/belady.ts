import { assert } from '../../base/assert.ts';
import { LatestFirst } from './latest_first.ts';
import { QueuedPolicy } from './queued_policy.ts';

const KEPT = 1;
const NEVER = 2 ** 32 - 1;

/**
 * Knows what comes, and evicts what is needed last (Belady: "A study of replacement algorithms for a virtual-storage
 * computer", 1966); a key that is needed later than all that it would displace is refused. For keys of one size no
 * policy has more hits; for several sizes it is a good guess (the exact optimum is NP-hard). For simulators only: it has
 * to be touched with the very sequence it was made for.
 */
export class Belady extends QueuedPolicy {
  protected override readonly queueOfUnpinned = KEPT;
  readonly #sequence: ArrayLike<number>;
  /** Of each place of the sequence, where its key comes next. */
  readonly #nextUse: Uint32Array;
  /** Next uses of resident keys; those of the past, or of keys that left, may be in it too. */
  readonly #order = new LatestFirst();
  /** Resident keys that are never needed again. */
  readonly #spent: number[] = [];
  #at = -1;

  constructor(capacityBytes: number, sequence: ArrayLike<number>) {
    super(capacityBytes, 1);
    this.#sequence = sequence;
    this.#nextUse = nextUses(sequence);
  }

  protected override asked(key: number): void {
    this.#at += 1;
    assert(this.#sequence[this.#at] === key, `key ${key} is not what comes at ${this.#at}`);
  }

  protected override chooseQueue(): number {
    return KEPT;
  }

  override admit(key: number, sizeBytes: number): readonly number[] | null {
    const next = this.#nextUse[this.#at]!;
    const isNew = this.residents.slotOf(key) < 0;
    const isFull = this.residents.bytes + sizeBytes > this.capacityBytes;
    if (isNew && isFull && (next === NEVER || next > this.#latest())) return null;
    const evicted = super.admit(key, sizeBytes);
    if (evicted !== null && isNew) this.#noteNext(key);
    return evicted;
  }

  protected override used(slot: number): void {
    this.#noteNext(this.residents.keyOf(slot));
  }

  protected override leave(): number {
    for (;;) {
      const spent = this.#spent.pop();
      const key = spent ?? this.#sequence[this.#order.pop()]!;
      const slot = this.residents.slotOf(key);
      if (slot >= 0 && this.residents.queueOf(slot) === KEPT) return this.evict(slot);
    }
  }

  #noteNext(key: number): void {
    const next = this.#nextUse[this.#at]!;
    if (next === NEVER) this.#spent.push(key);
    else this.#order.push(next);
  }

  /** When what is needed last is needed. */
  #latest(): number {
    while (this.#spent.length > 0 && this.residents.slotOf(this.#spent.at(-1)!) < 0) this.#spent.pop();
    if (this.#spent.length > 0) return NEVER;
    while (this.#order.size > 0 && this.residents.slotOf(this.#sequence[this.#order.first]!) < 0)
      this.#order.pop();
    return this.#order.size > 0 ? this.#order.first : NEVER;
  }
}

function nextUses(sequence: ArrayLike<number>): Uint32Array {
  const next = new Uint32Array(sequence.length).fill(NEVER);
  const seen = new Map<number, number>();
  for (let at = sequence.length - 1; at >= 0; at -= 1) {
    next[at] = seen.get(sequence[at]!) ?? NEVER;
    seen.set(sequence[at]!, at);
  }
  return next;
}
