import { LIMITS } from '../../base/limits.ts';
import { LEASE, type LeaseGiven, type LeaseKinds } from './lease_kinds.ts';

/**
 * The leases that a client holds, without a clock: the caller says what time it is, by a clock that never goes back. A lease
 * counts for LIMITS.leaseTermMs after the last question that the machine with the files has answered was asked: half of the
 * time after which that machine gives up on a holder that does not answer. So a holder that hears nothing any more stops
 * believing its leases before somebody else may change the files.
 */
export class HeldLeases<File> {
  /** The one that was used longest ago comes first. */
  readonly #held = new Map<File, LeaseGiven>();
  #answeredMs = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#held.size;
  }

  get files(): File[] {
    return [...this.#held.keys()];
  }

  /** A question that was asked at that time has its answer. */
  answered(askedMs: number): void {
    this.#answeredMs = Math.max(this.#answeredMs, askedMs);
  }

  /** What a question that was asked at that time has brought. */
  given(file: File, { kinds, epoch }: LeaseGiven, askedMs: number): void {
    this.answered(askedMs);
    this.#held.delete(file);
    if (kinds !== LEASE.none) this.#held.set(file, { kinds, epoch });
  }

  /** Whether all of these kinds are held now. */
  holds(file: File, kinds: LeaseKinds, nowMs: number): boolean {
    const held = this.#held.get(file);
    if (held === undefined || (held.kinds & kinds) !== kinds) return false;
    return nowMs - this.#answeredMs < LIMITS.leaseTermMs.value;
  }

  /** It was used, and is not the one to go where there are too many. */
  used(file: File): void {
    const held = this.#held.get(file);
    if (held === undefined) return;
    this.#held.delete(file);
    this.#held.set(file, held);
  }

  /** Of the lease on a file, whether it is still believed or not; 0 where there is none. */
  epoch(file: File): number {
    return this.#held.get(file)?.epoch ?? 0;
  }

  /** It is to keep no more than `kept` of that lease: the kinds that it had more, none where that lease is over. */
  broken(file: File, epoch: number, kept: LeaseKinds): LeaseKinds {
    const held = this.#held.get(file);
    if (held === undefined || held.epoch !== epoch) return LEASE.none;
    const left = held.kinds & kept;
    if (left === LEASE.none) this.#held.delete(file);
    else this.#held.set(file, { kinds: left, epoch });
    return held.kinds & ~kept;
  }

  /** The file may be another one now; what was held of it, or null. */
  lost(file: File): LeaseGiven | null {
    const held = this.#held.get(file) ?? null;
    this.#held.delete(file);
    return held;
  }

  /** Nobody tells of anything any more: all are over. */
  reset(): void {
    this.#held.clear();
    this.#answeredMs = Number.NEGATIVE_INFINITY;
  }

  /** The one that was used longest ago, where there are more than `max`. */
  tooMany(max: number): File | null {
    if (this.#held.size <= max) return null;
    const [oldest] = this.#held.keys();
    return oldest ?? null;
  }
}
