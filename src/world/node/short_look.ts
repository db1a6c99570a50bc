import { LIMITS } from '../../base/limits.ts';

const US_PER_MS = 1_000;
/** Requests after which the ways are compared. */
const WINDOW = 64;
/** Of so many windows two are spent on the way that was slower last; the first of them is not counted, until all runs in it. */
const TRY_EVERY = 32;
/** Before the first try: code that has just started is slow. */
const FIRST_TRY = 4;
/** It takes a processor: it is to be clearly faster. */
const WORTH = 0.8;

/**
 * How a thread waits for the next request while they come one right after the other: asleep, or by looking again and again for a moment.
 * On a machine with nothing else to do a processor takes tens of microseconds to wake up, longer than most requests take, and
 * looking is twice as fast. Where processors are busy anyway the sleeper is woken at once on that of the program, and whoever looks
 * is in its way. Nobody tells which holds, so both are measured, and the faster one is taken; the other one is tried now
 * and then. Where requests are far apart, it sleeps.
 */
export class ShortLook {
  readonly #nowUs: () => number;
  /** How long a request took by each way, from the one before it, when it was measured last. */
  #asleepUs = Number.NaN;
  #lookingUs = Number.NaN;
  #isLooking = false;
  #isBusy = false;
  #lastUs = Number.NEGATIVE_INFINITY;
  #count = 0;
  #sumUs = 0;
  #windows = TRY_EVERY - FIRST_TRY;

  constructor(nowMs: () => number) {
    this.#nowUs = () => nowMs() * US_PER_MS;
  }

  /** Gives what `look` finds, or else what `sleep` waits for. `isNothing` tells that a look found nothing. */
  next<T>(look: () => T, sleep: () => T, isNothing: (found: T) => boolean): T {
    let found = look();
    if (isNothing(found) && this.#isLooking && this.#isBusy) {
      const untilUs = this.#nowUs() + LIMITS.mountLookUs.value;
      do found = look();
      while (isNothing(found) && this.#nowUs() < untilUs);
    }
    if (isNothing(found)) found = sleep();
    this.#learn(this.#nowUs());
    return found;
  }

  #learn(nowUs: number): void {
    const tookUs = nowUs - this.#lastUs;
    this.#lastUs = nowUs;
    this.#isBusy = tookUs < LIMITS.mountBusyUs.value;
    if (!this.#isBusy) return;
    this.#count += 1;
    this.#sumUs += tookUs;
    if (this.#count < WINDOW) return;
    this.#windowEnds(this.#sumUs / WINDOW);
    this.#count = 0;
    this.#sumUs = 0;
  }

  #windowEnds(windowUs: number): void {
    const turn = this.#windows % TRY_EVERY;
    this.#windows += 1;
    const isSettling = turn === 0;
    if (!isSettling && this.#isLooking) this.#lookingUs = windowUs;
    else if (!isSettling) this.#asleepUs = windowUs;
    if (isSettling) return;
    const isFaster = this.#lookingUs < WORTH * this.#asleepUs;
    // the last window before the next try
    if (turn === TRY_EVERY - 1) this.#isLooking = Number.isNaN(this.#lookingUs) || !isFaster;
    else this.#isLooking = isFaster;
  }
}
