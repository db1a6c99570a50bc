import { History } from './history.ts';
import { Ledger, type PredictionFigures } from './ledger.ts';
import { Sequences } from './sequences.ts';

const HISTORY_RECORDS = 131_072;
const KEYS_MAX = 65_536;
/** Part of the cache that predicted blocks may take until they are used. */
const OPEN_SHARE = 0.25;

/** Kinds of predictions: how often the block was read before (once, twice, more), and how well the sequence fits. */
const SEEN_CLASSES = 3;
const SCORES_PER_CLASS = 8;
const KINDS = SEEN_CLASSES * 5;

export interface Access {
  readonly key: number;
  readonly sizeBytes: number;
  /** Who reads: a machine, or a mount. Sequences are followed for each by itself. */
  readonly stream: number;
  readonly wasHit: boolean;
}

/**
 * What will be read soon, learnt from what was read: on each access, blocks to fetch into the cache. It has a budget, and
 * learns which kinds of predictions are right. The cache has to fetch what it is told to, and to tell of each block that
 * leaves it, or that could not be fetched, with `left`.
 */
export class Predictor {
  readonly #history = new History(HISTORY_RECORDS, KEYS_MAX);
  readonly #sequences = new Sequences(this.#history);
  readonly #ledger: Ledger;
  readonly #isResident: (key: number) => boolean;

  constructor(capacityBytes: number, isResident: (key: number) => boolean) {
    this.#ledger = new Ledger(KINDS, capacityBytes * OPEN_SHARE);
    this.#isResident = isResident;
  }

  get figures(): PredictionFigures {
    return this.#ledger.figures;
  }

  /** What its tables take in memory; they do not grow beyond some megabytes. */
  get indexBytes(): number {
    return this.#history.indexBytes;
  }

  /** Notes an access; what to fetch, the nearest first. */
  onAccess({ key, sizeBytes, stream, wasHit }: Access): readonly number[] {
    this.#ledger.settle(key, true);
    this.#ledger.noteAccess(wasHit ? 0 : sizeBytes);
    const chosen: number[] = [];
    this.#sequences.note(key, sizeBytes, stream, (next, score) => {
      if (next === key || this.#isResident(next) || this.#ledger.isOpen(next)) return true;
      if (!this.#ledger.hasRoom()) return false;
      const kind = this.#kindOf(next, score);
      const nextBytes = this.#history.sizeOf(next);
      if (nextBytes === 0 || !this.#ledger.grants(kind)) return true;
      this.#ledger.open(next, nextBytes, kind);
      chosen.push(next);
      return true;
    });
    return chosen;
  }

  /** Whether a block was predicted and neither used nor given up: the cache should keep it. */
  isAwaited(key: number): boolean {
    return this.#ledger.isOpen(key);
  }

  /** Blocks that were predicted, and are given up from now on: the cache may let them go. */
  takeExpired(): readonly number[] {
    const expired: number[] = [];
    for (let key = this.#ledger.takeExpired(); key >= 0; key = this.#ledger.takeExpired()) expired.push(key);
    return expired;
  }

  /** A block was evicted, or dropped, or could not be fetched. */
  left(key: number): void {
    this.#ledger.settle(key, false);
  }

  #kindOf(key: number, score: number): number {
    const seen = Math.min(SEEN_CLASSES, this.#history.seen(key)) - 1;
    return Math.floor(score / SCORES_PER_CLASS) * SEEN_CLASSES + seen;
  }
}
