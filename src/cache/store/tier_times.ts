/** From where a read was answered; with several, the slowest of them. */
export const TIERS = ['memory', 'disk', 'link'] as const;
export type Tier = (typeof TIERS)[number];

/** Upper bounds in seconds; what takes longer is in none. */
export const TIER_SECONDS = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5,
];

/** How long reads took, by the tier that answered them. */
export type TierTime<Name extends string = Tier> = {
  readonly tier: Name;
  readonly count: number;
  /** In whole microseconds. */
  readonly sumUs: number;
  /** Reads up to each bound of {@link TIER_SECONDS}, those of smaller bounds included. */
  readonly upTo: number[];
};

export class TierTimes<Name extends string = Tier> {
  readonly #sums: Map<Name, { count: number; sumUs: number; readonly upTo: number[] }>;

  constructor(tiers: readonly Name[]) {
    this.#sums = new Map(
      tiers.map((tier) => [tier, { count: 0, sumUs: 0, upTo: TIER_SECONDS.map(() => 0) }]),
    );
  }

  observe(tier: Name, tookMs: number): void {
    const sums = this.#sums.get(tier);
    if (sums === undefined) return;
    const seconds = tookMs / 1_000;
    sums.count += 1;
    sums.sumUs += Math.round(tookMs * 1_000);
    for (const [at, bound] of TIER_SECONDS.entries())
      if (seconds <= bound) sums.upTo[at] = (sums.upTo[at] ?? 0) + 1;
  }

  get times(): TierTime<Name>[] {
    return [...this.#sums].map(([tier, { count, sumUs, upTo }]) => ({ tier, count, sumUs, upTo: [...upTo] }));
  }
}
