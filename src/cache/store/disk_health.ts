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
  #why: string | null = null;
  #sinceMs: number;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  get state(): CacheState {
    return this.#state;
  }

  /** What has gone wrong last; null where all is well. */
  get why(): string | null {
    return this.#why;
  }

  /** Since when it is as it is. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** A full or read-only disk can still be read. */
  get canRead(): boolean {
    return this.#state === 'on' || this.#state === 'full' || this.#state === 'read-only' || this.#isOver;
  }

  get canWrite(): boolean {
    return this.#state === 'on' || this.#isOver;
  }

  failed({ code, message }: Pick<CausewayError, 'code' | 'message'>): void {
    this.#pause(STATES[code] ?? 'failing', message);
  }

  /** A read took too long; where the disk was slow before, one tells that it still is. */
  wasSlow(): void {
    this.#slow += 1;
    const most = this.#state === 'slow' ? 1 : LIMITS.cacheSlowMax.value;
    if (this.#slow >= most) this.#pause('slow', `reads take longer than ${LIMITS.cacheSlowMs.value} ms`);
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
    if (this.#state !== 'on') this.#sinceMs = this.#clock.monotonicMs();
    this.#state = 'on';
    this.#why = null;
    this.#pauseMs = LIMITS.cachePauseMs.value;
  }

  #pause(state: CacheState, why: string): void {
    if (this.#state === 'on') this.#sinceMs = this.#clock.monotonicMs();
    else this.#pauseMs = Math.min(this.#pauseMs * 2, LIMITS.cachePauseMaxMs.value);
    this.#why = why;
    this.#state = state;
    this.#untilMs = this.#clock.monotonicMs() + this.#pauseMs;
    this.#slow = 0;
  }
}
