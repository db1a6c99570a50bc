import { LIMITS } from '../../base/limits.ts';

/**
 * How many reliable bytes may be unacknowledged. Starts at sessionWindowStartBytes, doubles after each
 * sessionWindowGrowAfterBytes acknowledged without a cut, falls to sessionWindowMinBytes after a cut: a cut costs
 * at most one window of repeats, so a link that is cut often repeats little.
 */
export class SendWindow {
  #sizeBytes: number = LIMITS.sessionWindowStartBytes.value;
  #acknowledgedBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  acknowledged(sizeBytes: number): void {
    this.#acknowledgedBytes += sizeBytes;
    while (this.#acknowledgedBytes >= LIMITS.sessionWindowGrowAfterBytes.value) {
      this.#acknowledgedBytes -= LIMITS.sessionWindowGrowAfterBytes.value;
      this.#sizeBytes = Math.min(this.#sizeBytes * 2, LIMITS.sessionWindowMaxBytes.value);
    }
  }

  cut(): void {
    this.#sizeBytes = LIMITS.sessionWindowMinBytes.value;
    this.#acknowledgedBytes = 0;
  }

  /** Longest record that counts only in whole: a quarter of the window, so that a cut loses little of a started one. */
  get wholeRecordMaxBytes(): number {
    return Math.min(this.#sizeBytes / 4, LIMITS.sessionRecordTargetBytes.value);
  }
}
