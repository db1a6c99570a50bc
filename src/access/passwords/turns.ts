import { type Deferred, deferred } from '../../base/deferred.ts';

/** Lets at most `atOnceMax` pieces of work run; at most `waitingMax` more wait, first come first served. */
export class Turns {
  readonly #atOnceMax: number;
  readonly #waitingMax: number;
  readonly #waiting: Deferred<void>[] = [];
  #running = 0;

  constructor(atOnceMax: number, waitingMax: number) {
    this.#atOnceMax = atOnceMax;
    this.#waitingMax = waitingMax;
  }

  /** Runs `work` at its turn; throws what `whenFull` gives where too much waits already. */
  async run<T>(work: () => Promise<T>, whenFull: () => Error): Promise<T> {
    if (this.#running >= this.#atOnceMax) {
      if (this.#waiting.length >= this.#waitingMax) throw whenFull();
      const turn = deferred<void>();
      this.#waiting.push(turn);
      await turn.promise; // whoever ends hands its place over
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next.resolve();
    }
  }
}
