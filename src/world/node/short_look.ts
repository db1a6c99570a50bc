import { LIMITS } from '../../base/limits.ts';

const US_PER_MS = 1_000;
/** Requests after which the ways are compared. */
const WINDOW = 64;
/** Of so many windows one is spent on the way that was slower last. */
const TRY_EVERY = 16;

/** How long a request took by one of the two ways, from the one before it; microseconds. */
class Way {
  #meanUs = Number.NaN;

  get meanUs(): number {
    return this.#meanUs;
  }

  learn(windowUs: number): void {
    this.#meanUs = Number.isNaN(this.#meanUs) ? windowUs : (this.#meanUs + windowUs) / 2;
  }
}

/**
 * How a thread waits for the next request while they come one right after the other: asleep, or by looking again and again for a moment.
 * On a machine with nothing else to do a processor takes tens of microseconds to wake up, longer than most requests take, and
 * looking is twice as fast. Where processors are busy anyway the sleeper is woken at once on that of the program, and whoever looks
 * is in its way. Nobody tells which holds, so both are measured, and the faster one is taken; the other one is tried now
 * and then. Where requests are far apart, it sleeps.
 */
export class ShortLook {
  readonly #nowUs: () => number;
  readonly #asleep = new Way();
  readonly #looking = new Way();
  #isLooking = false;
  #isBusy = false;
  #lastUs = Number.NEGATIVE_INFINITY;
  #count = 0;
  #sumUs = 0;
  #windows = 0;

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
    (this.#isLooking ? this.#looking : this.#asleep).learn(this.#sumUs / WINDOW);
    this.#count = 0;
    this.#sumUs = 0;
    this.#windows += 1;
    this.#isLooking = this.#choose();
  }

  #choose(): boolean {
    if (Number.isNaN(this.#looking.meanUs)) return true;
    const isFaster = this.#looking.meanUs < this.#asleep.meanUs;
    return this.#windows % TRY_EVERY === 0 ? !isFaster : isFaster;
  }
}
