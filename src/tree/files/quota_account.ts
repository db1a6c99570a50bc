/*
 * How many bytes a tree has and may have, in memory that several threads reach: 32-bit words for whose turn it is, then
 * 64-bit words for the sums.
 */
const TURN = 0;
const WANTED = 1;
const USED = 1;
const LIMIT = 2;
const ACCOUNT_BYTES = 24;

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

  /** Sums in bytes, below 2^53. */
  static of(limitBytes: number, usedBytes: number): QuotaAccount {
    const account = new QuotaAccount(new SharedArrayBuffer(ACCOUNT_BYTES));
    account.#sums[LIMIT] = BigInt(limitBytes);
    account.#sums[USED] = BigInt(usedBytes);
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

  /** False where growth does not fit; what is given back always does. */
  charge(bytes: number): boolean {
    for (;;) {
      const used = this.usedBytes;
      if (bytes > 0 && used + bytes > this.limitBytes) return false;
      if (this.#replace(used, used + bytes)) return true;
    }
  }

  /** What has happened already, whether it fits or not. */
  settle(bytes: number): void {
    for (;;) {
      const used = this.usedBytes;
      if (this.#replace(used, used + bytes)) return;
    }
  }

  /** What a new measurement found. */
  correct(usedBytes: number): void {
    Atomics.store(this.#sums, USED, BigInt(usedBytes));
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

  #replace(before: number, after: number): boolean {
    const [old, next] = [BigInt(before), BigInt(Math.max(0, after))];
    return Atomics.compareExchange(this.#sums, USED, old, next) === old;
  }
}
