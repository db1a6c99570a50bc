/*
 * How many bytes a tree has and may have, in memory that several threads reach: 32-bit words for whose turn it is, then
 * 64-bit words for the sums: of all, then of each owner with a limit of its own.
 */
const TURN = 0;
const WANTED = 1;
const USED = 1;
const LIMIT = 2;
const SUM_BYTES = 8;
/** Owners have numbers from 1 on; 0 is everybody who has no limit of its own. */
export const NO_OWNER = 0;

/** Nobody's turn. */
const FREE = 0;
/** The thread that may not stand still: it is next where it waits. */
const MAIN = 1;
/** Numbers of others begin there. */
export const FIRST_SEAT = 2;

/** The sums of one tree, and the turns of the threads that change it: whoever looks at a size and changes it is alone. */
export class QuotaAccount {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #sums: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#sums = new BigInt64Array(memory);
  }

  /** Sums in bytes, below 2^53; `ownerLimits` are those of owner 1, 2, …. */
  static of(limitBytes: number, usedBytes: number, ownerLimits: readonly number[] = []): QuotaAccount {
    const words = usedAt(ownerLimits.length) + 2;
    const account = new QuotaAccount(new SharedArrayBuffer(words * SUM_BYTES));
    account.#sums[LIMIT] = BigInt(limitBytes);
    account.#sums[USED] = BigInt(usedBytes);
    for (const [index, limit] of ownerLimits.entries()) account.#sums[usedAt(index + 1) + 1] = BigInt(limit);
    return account;
  }

  get limitBytes(): number {
    return Number(this.#sums[LIMIT]);
  }

  get usedBytes(): number {
    return Number(Atomics.load(this.#sums, USED));
  }

  get freeBytes(): number {
    return Math.max(0, this.limitBytes - this.usedBytes);
  }

  /** Of one owner: Infinity without a limit of its own. */
  limitOf(owner: number): number {
    return owner === NO_OWNER ? Number.POSITIVE_INFINITY : Number(this.#sums[usedAt(owner) + 1]);
  }

  /** Of an owner with a limit. */
  usedOf(owner: number): number {
    return Number(Atomics.load(this.#sums, usedAt(owner)));
  }

  /** What an owner may still have. */
  freeOf(owner: number): number {
    if (owner === NO_OWNER) return this.freeBytes;
    return Math.min(this.freeBytes, Math.max(0, this.limitOf(owner) - this.usedOf(owner)));
  }

  /** False where growth does not fit; what is given back always does. */
  charge(bytes: number, owner = NO_OWNER): boolean {
    if (!this.#chargeAt(USED, bytes)) return false;
    if (owner === NO_OWNER || this.#chargeAt(usedAt(owner), bytes)) return true;
    this.#settleAt(USED, -bytes);
    return false;
  }

  /** What has happened already, whether it fits or not. */
  settle(bytes: number, owner = NO_OWNER): void {
    this.#settleAt(USED, bytes);
    if (owner !== NO_OWNER) this.#settleAt(usedAt(owner), bytes);
  }

  /** What a new measurement found: of all, and of owner 1, 2, …. */
  correct(usedBytes: number, ofOwners: readonly number[] = []): void {
    Atomics.store(this.#sums, USED, BigInt(usedBytes));
    for (const [index, used] of ofOwners.entries())
      Atomics.store(this.#sums, usedAt(index + 1), BigInt(used));
  }

  #chargeAt(at: number, bytes: number): boolean {
    for (;;) {
      const used = Number(Atomics.load(this.#sums, at));
      if (bytes > 0 && used + bytes > Number(this.#sums[at + 1])) return false;
      if (this.#replace(at, used, used + bytes)) return true;
    }
  }

  #settleAt(at: number, bytes: number): void {
    for (;;) {
      const used = Number(Atomics.load(this.#sums, at));
      if (this.#replace(at, used, used + bytes)) return;
    }
  }

  /** Begins the turn of a thread that may stand still. */
  waitForTurn(seat: number): void {
    for (;;) {
      const whose = Atomics.compareExchange(this.#words, TURN, FREE, seat);
      if (whose === FREE) return;
      Atomics.wait(this.#words, TURN, whose);
    }
  }

  /** Begins the turn of the main thread: it is next, however busy the others are. One call at a time. */
  async mainTurn(): Promise<void> {
    const words = this.#words;
    while (Atomics.compareExchange(words, TURN, FREE, MAIN) !== FREE) {
      Atomics.store(words, WANTED, 1);
      const whose = Atomics.load(words, TURN);
      if (whose === MAIN) break;
      if (whose === FREE) continue;
      const waiting = Atomics.waitAsync(words, TURN, whose);
      if (waiting.async) await waiting.value;
      if (Atomics.load(words, TURN) === MAIN) break;
    }
    Atomics.store(words, WANTED, 0);
  }

  endTurn(): void {
    const isWanted = Atomics.exchange(this.#words, WANTED, 0) === 1;
    Atomics.store(this.#words, TURN, isWanted ? MAIN : FREE);
    Atomics.notify(this.#words, TURN);
  }

  /** Ends the turn of a thread that is gone: true where it was in the middle of one, so that the sums may be wrong. */
  breakTurn(seat: number): boolean {
    if (Atomics.load(this.#words, TURN) !== seat) return false;
    this.endTurn();
    return true;
  }

  #replace(at: number, before: number, after: number): boolean {
    const [old, next] = [BigInt(before), BigInt(Math.max(0, after))];
    return Atomics.compareExchange(this.#sums, at, old, next) === old;
  }
}

/** Where the sum of an owner stands; its limit is behind it. */
function usedAt(owner: number): number {
  return LIMIT + 1 + 2 * (owner - 1);
}
