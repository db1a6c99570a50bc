import type { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { CacheState } from './store_types.ts';

const STATES: Readonly<Record<string, CacheState>> = {
  CW_DISK_FULL: 'full',
  CW_DISK_QUOTA: 'full',
  CW_DISK_READ_ONLY: 'read-only',
  CW_DISK_NOT_FOUND: 'gone',
  CW_DISK_NOT_DIRECTORY: 'gone',
};

/** Whether the disk of a cache is to be used now: after a failure it is left alone, longer from time to time. */
export class DiskHealth {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #state: CacheState = 'on';
  #pauseMs = LIMITS.cachePauseMs.value;
  #untilMs = 0;
  #slow = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  get state(): CacheState {
    return this.#state;
  }

  /** A full or read-only disk can still be read. */
  get canRead(): boolean {
    return this.#state === 'on' || this.#state === 'full' || this.#state === 'read-only' || this.#isOver;
  }

  get canWrite(): boolean {
    return this.#state === 'on' || this.#isOver;
  }

  failed({ code }: Pick<CausewayError, 'code'>): void {
    this.#pause(STATES[code] ?? 'failing');
  }

  /** A read took too long. */
  wasSlow(): void {
    this.#slow += 1;
    if (this.#slow >= LIMITS.cacheSlowMax.value) this.#pause('slow');
  }

  /** A read came in time. */
  wasRead(): void {
    this.#slow = 0;
    if (this.#state === 'slow' || this.#state === 'failing') this.#recovered();
  }

  /** A write went well. */
  wasWritten(): void {
    if (this.#state !== 'slow') this.#recovered();
  }

  /** What is open has to be opened anew before it is used again. */
  get isLost(): boolean {
    return this.#state === 'gone' || this.#state === 'failing';
  }

  get #isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#untilMs;
  }

  #recovered(): void {
    this.#state = 'on';
    this.#pauseMs = LIMITS.cachePauseMs.value;
  }

  #pause(state: CacheState): void {
    if (this.#state !== 'on') this.#pauseMs = Math.min(this.#pauseMs * 2, LIMITS.cachePauseMaxMs.value);
    this.#state = state;
    this.#untilMs = this.#clock.monotonicMs() + this.#pauseMs;
    this.#slow = 0;
  }
}
