import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../world/clock.ts';

interface Seen {
  lastMs: number;
  left: number;
}

/** Lets one of many equal refusals pass in `LIMITS.auditRefusalEveryMs`, and counts the others. */
export class RefusalMeter {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** In the order in which they passed. */
  readonly #seen = new Map<string, Seen>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** How many equal ones were left out since the last that passed; null where this one is left out. */
  pass(key: string): number | null {
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#seen.get(key);
    if (seen !== undefined && nowMs - seen.lastMs < LIMITS.auditRefusalEveryMs.value) {
      seen.left += 1;
      return null;
    }
    this.#seen.delete(key);
    this.#seen.set(key, { lastMs: nowMs, left: 0 });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > LIMITS.auditRefusalKindsMax.value && oldest !== undefined)
      this.#seen.delete(oldest);
    return seen?.left ?? 0;
  }
}
