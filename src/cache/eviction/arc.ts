import { PINNED, QueuedPolicy } from './queued_policy.ts';
import { Residents } from './residents.ts';

const [ONCE, OFTEN] = [1, 2] as const;

/**
 * ARC (Megiddo and Modha: "ARC: a self-tuning, low overhead replacement cache", FAST 2003), by bytes in place of pages:
 * a list of keys used once and one of keys used more often, each with the keys that left it last; a key that comes back
 * moves the balance towards the list that it left too early.
 */
export class Arc extends QueuedPolicy {
  protected override readonly queueOfUnpinned = OFTEN;
  /** What left the list of the same number. */
  readonly #ghosts = new Residents(OFTEN + 1);
  /** Aim for the bytes of the list ONCE. */
  #onceBytes = 0;
  #cameBackOften = false;

  constructor(capacityBytes: number) {
    super(capacityBytes, 2);
  }

  override get indexBytes(): number {
    return super.indexBytes + this.#ghosts.indexBytes;
  }

  protected override chooseQueue(key: number, sizeBytes: number): number {
    this.#cameBackOften = false;
    const ghost = this.#ghosts.slotOf(key);
    if (ghost < 0) return ONCE;
    const list = this.#ghosts.queueOf(ghost);
    const [once, often] = [this.#ghosts.bytesIn(ONCE), this.#ghosts.bytesIn(OFTEN)];
    const step = sizeBytes * Math.max(1, list === ONCE ? often / once : once / often);
    const aim = this.#onceBytes + (list === ONCE ? step : -step);
    this.#onceBytes = Math.min(this.capacityBytes, Math.max(0, aim));
    this.#cameBackOften = list === OFTEN;
    this.#ghosts.remove(ghost);
    return OFTEN;
  }

  protected override used(slot: number): void {
    if (this.residents.queueOf(slot) !== PINNED) this.residents.move(slot, OFTEN);
  }

  protected override leave(): number {
    const once = this.residents.bytesIn(ONCE);
    const tooMany = once > this.#onceBytes || (this.#cameBackOften && once === this.#onceBytes);
    const fromOnce = once > 0 && (tooMany || this.residents.bytesIn(OFTEN) === 0);
    const list = fromOnce ? ONCE : OFTEN;
    const slot = this.residents.oldest(list);
    this.#ghosts.add(this.residents.keyOf(slot), this.residents.sizeOf(slot), list);
    return this.evict(slot);
  }

  /** As much is remembered as the cache holds; of what was used once, no more than fits beside it. */
  protected override entered(): void {
    const [resident, ghosts] = [this.residents, this.#ghosts];
    while (ghosts.bytesIn(ONCE) > 0 && resident.bytesIn(ONCE) + ghosts.bytesIn(ONCE) > this.capacityBytes)
      ghosts.remove(ghosts.oldest(ONCE));
    while (ghosts.bytesIn(OFTEN) > 0 && resident.bytes + ghosts.bytes > 2 * this.capacityBytes)
      ghosts.remove(ghosts.oldest(OFTEN));
  }
}
