const MIB = 1024 * 1024;
/** Of all that is fetched, predictions may waste a little less than the twentieth that is promised. */
const WASTE_SHARE = 0.04;
const FIRST_CREDIT_BYTES = MIB;
/** Of the predictions of a kind, so many have to be right lately. */
const PRECISION_NEEDED = 0.6;
const PRECISION_STEP = 1 / 512;
/** Of a kind that is not good enough, one in so many is tried, to see whether it has become better. */
const PROBE_EVERY = 8;

/** A prediction that was not used after so many accesses was wrong. */
const LIFE_ACCESSES = 1_000;
const NONE = -1;

interface Open {
  readonly sizeBytes: number;
  readonly kind: number;
  readonly at: number;
}

/** What predictions cost and gained. */
export interface PredictionFigures {
  readonly fetchedBytes: number;
  readonly usedBytes: number;
  readonly wastedBytes: number;
  /** Fetched, and neither used nor evicted yet. */
  readonly openBytes: number;
}

/**
 * Keeps account of predicted blocks until they were used or left the cache unused, and grants new ones: by kind, where
 * those of the kind were right lately, and in all, so that what is wasted stays a small part of what is fetched.
 */
export class Ledger {
  readonly #open = new Map<number, Open>();
  readonly #precisions: number[];
  readonly #openMaxBytes: number;
  /** Of all kinds. */
  #precision = 1;
  #probes = 0;
  #accesses = 0;
  #openBytes = 0;
  #demandBytes = 0;
  #fetchedBytes = 0;
  #usedBytes = 0;
  #wastedBytes = 0;

  constructor(kinds: number, openMaxBytes: number) {
    this.#precisions = new Array<number>(kinds).fill(PRECISION_NEEDED);
    this.#openMaxBytes = openMaxBytes;
  }

  get figures(): PredictionFigures {
    const [fetchedBytes, usedBytes, wastedBytes] = [this.#fetchedBytes, this.#usedBytes, this.#wastedBytes];
    return { fetchedBytes, usedBytes, wastedBytes, openBytes: this.#openBytes };
  }

  /** An access, and what had to be fetched for it. */
  noteAccess(missedBytes: number): void {
    this.#accesses += 1;
    this.#demandBytes += missedBytes;
  }

  /** Takes a key that was predicted too long ago to be believed still, or -1. */
  takeExpired(): number {
    for (const [key, { at }] of this.#open) {
      if (this.#accesses - at <= LIFE_ACCESSES) return NONE;
      this.settle(key, false);
      return key;
    }
    return NONE;
  }

  /** Whether there is room for any prediction now: the less of them were right lately, the less they may take. */
  hasRoom(): boolean {
    return this.#openBytes < this.#openMaxBytes * this.#precision ** 2;
  }

  /** Whether a prediction of a kind may be followed. */
  grants(kind: number): boolean {
    const allowedBytes = FIRST_CREDIT_BYTES + (this.#demandBytes + this.#fetchedBytes) * WASTE_SHARE;
    const precision = this.#precisions[kind]!;
    if (this.#wastedBytes + this.#openBytes * (1 - precision) > allowedBytes) return false;
    if (precision >= PRECISION_NEEDED) return true;
    this.#probes += 1;
    return this.#probes % PROBE_EVERY === 0;
  }

  isOpen(key: number): boolean {
    return this.#open.has(key);
  }

  open(key: number, sizeBytes: number, kind: number): void {
    this.#openBytes += sizeBytes;
    this.#open.set(key, { sizeBytes, kind, at: this.#accesses });
    this.#fetchedBytes += sizeBytes;
  }

  /** The key was asked for, or has left the cache; nothing happens where it was not predicted. */
  settle(key: number, used: boolean): void {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    this.#openBytes -= open.sizeBytes;
    if (used) this.#usedBytes += open.sizeBytes;
    else this.#wastedBytes += open.sizeBytes;
    const before = this.#precisions[open.kind]!;
    this.#precisions[open.kind] = before + ((used ? 1 : 0) - before) * PRECISION_STEP;
    this.#precision += ((used ? 1 : 0) - this.#precision) * PRECISION_STEP;
  }
}
