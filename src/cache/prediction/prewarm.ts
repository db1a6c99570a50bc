const MINUTE_MS = 60_000;
/** A block of the last recording that is not in this one counts for so much less; new ones begin with one. */
const FADE = 0.5;
const KEEP_FROM = 0.2;

export interface Warm {
  readonly key: number;
  readonly sizeBytes: number;
}

interface Recorded extends Warm {
  /** 1 where it was read after the last start; less for each start since at which it was not. */
  weight: number;
  readonly afterMs: number;
}

/** What {@link Prewarm} knows, to be stored: it is plain data. */
export type PrewarmList = readonly Readonly<Recorded>[];

/**
 * What is read in the first minutes after a start (of a machine, or of somebody's session), so that the next start finds
 * it in the cache: the blocks in the order in which they were read, those of several starts together. What was not read
 * at two starts in a row is forgotten.
 */
export class Prewarm {
  readonly #before: Map<number, Recorded>;
  readonly #now = new Map<number, Recorded>();
  readonly #startMs: number;
  readonly #windowMs: number;
  readonly #budgetBytes: number;
  #bytes = 0;

  /** @param options.before what `list` gave after the start before; options.budgetBytes bounds what is recorded */
  constructor(options: {
    readonly startMs: number;
    readonly budgetBytes: number;
    readonly windowMs?: number;
    readonly before?: PrewarmList;
  }) {
    this.#startMs = options.startMs;
    this.#windowMs = options.windowMs ?? 5 * MINUTE_MS;
    this.#budgetBytes = options.budgetBytes;
    this.#before = new Map((options.before ?? []).map((one) => [one.key, { ...one }]));
  }

  /** What to fetch at the start: blocks that were read after the last one first, in their order then. */
  wanted(): readonly Warm[] {
    const all = [...this.#before.values()];
    all.sort((one, other) => other.weight - one.weight || one.afterMs - other.afterMs);
    return within(all, this.#budgetBytes).map(({ key, sizeBytes }) => ({ key, sizeBytes }));
  }

  /** Notes a read; nothing happens once the first minutes are over, or the budget is used up. */
  onRead(key: number, sizeBytes: number, nowMs: number): void {
    const afterMs = nowMs - this.#startMs;
    if (afterMs > this.#windowMs || this.#now.has(key) || this.#bytes + sizeBytes > this.#budgetBytes) return;
    this.#bytes += sizeBytes;
    this.#now.set(key, { key, sizeBytes, weight: 1, afterMs });
  }

  /** What is known now, for the next start; at most what the budget allows. */
  list(): PrewarmList {
    const faded = [...this.#before.values()]
      .filter(({ key }) => !this.#now.has(key))
      .map((one) => ({ ...one, weight: one.weight * FADE }))
      .filter(({ weight }) => weight >= KEEP_FROM && weight > FADE / 2);
    return within([...this.#now.values(), ...faded], this.#budgetBytes);
  }
}

function within<T extends Warm>(items: readonly T[], budgetBytes: number): T[] {
  let bytes = 0;
  return items.filter(({ sizeBytes }) => {
    if (bytes + sizeBytes > budgetBytes) return false;
    bytes += sizeBytes;
    return true;
  });
}
