import type { Clock } from '../../world/clock.ts';
import { BlockStore } from '../store/block_store.ts';
import type { StorePorts } from '../store/store_ports.ts';
import type { StorePlace, TierCounts, TierName, TierPlace } from '../store/store_types.ts';
import { TierTimes } from '../store/tier_times.ts';

/** One tier of a cache: a store on a disk of its own, and what it came to. */
export class Tier {
  readonly store: BlockStore;
  readonly name: TierName;
  readonly sums = { hits: 0, promoted: 0, demoted: 0 };
  readonly #times: TierTimes<TierName>;
  readonly #place: TierPlace;

  private constructor(store: BlockStore, place: TierPlace) {
    this.store = store;
    this.name = place.tier;
    this.#place = place;
    this.#times = new TierTimes([place.tier]);
  }

  /** What an earlier one has left; it goes without where its disk cannot be used. */
  static async open(ports: StorePorts, place: StorePlace, tier: TierPlace): Promise<Tier> {
    return new Tier(await BlockStore.open(ports, Tier.placeOf(place, tier)), tier);
  }

  /** Where the store of a tier lies: under a name of its own, so that a block of one tier is none of another one. */
  static placeOf(place: StorePlace, { tier, folder, capacityBytes }: TierPlace): StorePlace {
    const { key, reserveBytes, blockBytes } = place;
    return { folder, name: `${place.name}-${tier}`, key, capacityBytes, reserveBytes, blockBytes };
  }

  /** A read of it gave a block. */
  answered(tookMs: number): void {
    this.sums.hits += 1;
    this.#times.observe(this.name, tookMs);
  }

  countsAt(nowMs: ReturnType<Clock['monotonicMs']>): TierCounts {
    const { standing } = this.store;
    const { capacityBytes, residentBytes, evicted, damaged, bypassed } = this.store.counts;
    const { state, why, indexBytes } = standing;
    const isWhole = standing.limitBytes + this.store.slotBytes > capacityBytes; // less than a block is left over
    const reads = this.#times.times[0];
    return {
      tier: this.name,
      folder: this.#place.folder,
      state,
      why,
      bypassedForMs: state === 'on' ? null : Math.round(nowMs - standing.sinceMs),
      capacityBytes,
      limitBytes: isWhole ? capacityBytes : standing.limitBytes,
      residentBytes,
      blocks: Math.round(residentBytes / this.store.slotBytes),
      indexBytes,
      ...this.sums,
      evicted,
      damaged,
      bypassed,
      reads: { count: reads?.count ?? 0, sumUs: reads?.sumUs ?? 0, upTo: reads?.upTo ?? [] },
    };
  }
}
