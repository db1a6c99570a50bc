import { LIMITS } from '../../base/limits.ts';
import type { StorePorts } from '../store/store_ports.ts';
import type {
  Blocks,
  CacheCounts,
  FileBlock,
  FileVersion,
  StorePlace,
  TierPlace,
} from '../store/store_types.ts';
import { Heat } from './heat.ts';
import { Mover } from './mover.ts';
import { filledBytes, placeFor, promotionOf, type TierLevel } from './plan.ts';
import { Tier } from './tier.ts';

/** How cool the coolest blocks of a tier were when it was looked at. */
interface Looked {
  atMs: number;
  from: number;
  coolest: number;
}

/**
 * Blocks on several disks, of which each is as a {@link BlockStore}: what is read often comes to the fastest one, what is read
 * seldom leaves it for a slower one. A tier that cannot be used is passed over; what it held is fetched again once it is asked for.
 */
export class TieredBlocks implements Blocks {
  readonly blockBytes: number;
  readonly #ports: StorePorts;
  readonly #tiers: readonly Tier[];
  readonly #heat: Heat;
  readonly #mover: Mover;
  readonly #looked: Looked[];
  #misses = 0;
  #reading = 0;

  private constructor(ports: StorePorts, blockBytes: number, tiers: readonly Tier[]) {
    this.blockBytes = blockBytes;
    this.#ports = ports;
    this.#tiers = tiers;
    const allBytes = tiers.reduce((sum, { store }) => sum + store.counts.capacityBytes, 0);
    this.#heat = new Heat(allBytes / blockBytes, ports.clock.monotonicMs());
    this.#looked = tiers.map(() => ({ atMs: Number.NEGATIVE_INFINITY, from: 0, coolest: 0 }));
    this.#mover = new Mover({
      clock: ports.clock,
      tiers,
      levels: () => this.#levels(),
      heatOf: (block) => this.#heatOf(block),
      isBusy: () => this.#reading > 0,
    });
  }

  /** Finds what earlier ones have left; where a disk cannot be used it goes without until it can. */
  static async open(
    ports: StorePorts,
    place: StorePlace,
    places: readonly TierPlace[],
  ): Promise<TieredBlocks> {
    const tiers = await Promise.all(places.map((tier) => Tier.open(ports, place, tier)));
    return new TieredBlocks(ports, place.blockBytes, tiers);
  }

  get counts(): CacheCounts {
    const nowMs = this.#ports.clock.monotonicMs();
    const tiers = this.#tiers.map((tier) => tier.countsAt(nowMs));
    const all = this.#tiers.map(({ store }) => store.counts);
    const sum = (of: 'capacityBytes' | 'residentBytes' | 'files' | 'evicted' | 'damaged' | 'bypassed') =>
      all.reduce((sums, counts) => sums + counts[of], 0);
    return {
      state: all.find(({ state }) => state !== 'on')?.state ?? 'on',
      capacityBytes: sum('capacityBytes'),
      residentBytes: sum('residentBytes'),
      files: sum('files'),
      hits: tiers.reduce((hits, tier) => hits + tier.hits, 0),
      misses: this.#misses,
      evicted: sum('evicted'),
      damaged: sum('damaged'),
      bypassed: sum('bypassed'),
      tiers,
    };
  }

  sizeOf({ sizeBytes }: FileVersion, block: number): number {
    return Math.max(0, Math.min(this.blockBytes, sizeBytes - block * this.blockBytes));
  }

  has(of: FileVersion, block: number): boolean {
    return this.#tiers.some(({ store }) => store.has(of, block));
  }

  async read(of: FileVersion, block: number): Promise<Uint8Array | null> {
    const { clock } = this.#ports;
    const heat = this.#heat.use(Heat.keyOf(of.file, block), clock.monotonicMs());
    this.#reading += 1;
    try {
      for (const [at, tier] of this.#tiers.entries()) {
        if (!tier.store.has(of, block)) continue;
        const [fromMs, { epoch }] = [clock.monotonicMs(), this.#mover];
        const bytes = await tier.store.read(of, block);
        if (bytes === null) continue;
        tier.answered(clock.monotonicMs() - fromMs);
        if (this.#mover.epoch === epoch) this.#used(at, { of, block }, heat, bytes);
        return bytes;
      }
    } finally {
      this.#reading -= 1;
    }
    this.#misses += 1;
    return null;
  }

  keep(of: FileVersion, block: number, bytes: Uint8Array): void {
    if (this.has(of, block)) return;
    const heat = this.#heat.use(Heat.keyOf(of.file, block), this.#ports.clock.monotonicMs());
    const levels = this.#levels();
    const at = placeFor(levels, { heat, sizeBytes: this.#slotBytes }) ?? 0; // where none can be used, one counts it
    this.#tiers[at]?.store.keep(of, block, bytes);
    this.#mover.wake();
  }

  drop(key: string): void {
    this.#mover.dropped();
    for (const { store } of this.#tiers) store.drop(key);
  }

  /** Resolves when all that was to be kept is written, and what was to move has, or was given up. */
  async settled(): Promise<void> {
    for (const { store } of this.#tiers) await store.settled();
    this.#mover.wake();
    await this.#mover.settled();
    for (const { store } of this.#tiers) await store.settled();
  }

  async close(): Promise<void> {
    await this.#mover.close();
    await Promise.all(this.#tiers.map(({ store }) => store.close()));
  }

  get #slotBytes(): number {
    return this.#tiers[0]?.store.slotBytes ?? this.blockBytes;
  }

  #heatOf({ of, block }: FileBlock): number {
    return this.#heat.of(Heat.keyOf(of.file, block), this.#ports.clock.monotonicMs());
  }

  /** A block was read from a tier: it may belong to a faster one, and does not belong to slower ones too. */
  #used(at: number, block: FileBlock, heat: number, bytes: Uint8Array): void {
    if (this.#tiers[at]?.store.whereIs(block.of, block.block) === 'placed')
      for (const { store } of this.#tiers.slice(at + 1)) store.forget(block.of, block.block);
    if (at === 0) return;
    const to = promotionOf(this.#levels(), at, { heat, sizeBytes: this.#slotBytes });
    if (to !== null) this.#mover.promote(at, to, block, bytes);
  }

  #levels(): TierLevel[] {
    return this.#tiers.map(({ store }, at) => {
      const { limitBytes, usedBytes, canRead, canWrite } = store.standing;
      const level = { limitBytes, usedBytes, isUsable: canRead && canWrite };
      const isFilled = usedBytes + store.slotBytes > filledBytes(level);
      return { ...level, coolest: isFilled ? this.#coolestOf(at) : 0 };
    });
  }

  /** Of a sample, the coolest block's heat: looked for again after a while. */
  #coolestOf(at: number): number {
    const looked = this.#looked[at] as Looked;
    const nowMs = this.#ports.clock.monotonicMs();
    if (nowMs - looked.atMs < LIMITS.cacheTierLookMs.value) return looked.coolest;
    const slots = LIMITS.cacheTierSampleSlots.value;
    const heats = (this.#tiers[at] as Tier).store.sample(looked.from, slots).map((one) => this.#heatOf(one));
    looked.from += slots;
    looked.atMs = nowMs;
    looked.coolest = heats.length === 0 ? 0 : Math.min(...heats);
    return looked.coolest;
  }
}
