import { type Deferred, deferred, observed } from '../../base/deferred.ts';
import type { CausewayError } from '../../base/errors.ts';
import type { Clock } from '../../world/clock.ts';

/** Pings of one session: at most one under way; callers that come meanwhile share it. */
export class PingPong {
  readonly #clock: Clock;
  readonly #wake: () => void;
  readonly #waiters: Deferred<number>[] = [];
  #number = 0;
  #startedMs: number | null = null;
  #requested = false;
  #answer: number | null = null;
  #roundTripMs: number | null = null;

  /** `wake` is called when there is a ping or a pong to send. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  /** For how long the ping under way has had no answer; 0 where none is. */
  get unansweredMs(): number {
    return this.#startedMs === null ? 0 : this.#clock.monotonicMs() - this.#startedMs;
  }

  ping(): Promise<number> {
    const waiter = deferred<number>();
    this.#waiters.push(waiter);
    this.request();
    return observed(waiter.promise);
  }

  /** A ping is sent soon, unless one is under way. */
  request(): void {
    if (this.#startedMs !== null) return;
    this.#requested = true;
    this.#wake();
  }

  /** The peer sent a ping; only the last one is answered, so that a flood of them costs nothing. */
  answer(value: number): void {
    this.#answer = value;
    this.#wake();
  }

  arrived(value: number): void {
    if (value !== this.#number || this.#startedMs === null) return;
    const roundTripMs = this.#clock.monotonicMs() - this.#startedMs;
    this.#roundTripMs = roundTripMs;
    this.#startedMs = null;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(roundTripMs);
  }

  takeAnswer(): number | null {
    const answer = this.#answer;
    this.#answer = null;
    return answer;
  }

  takeRequest(): number | null {
    if (!this.#requested) return null;
    this.#requested = false;
    this.#number += 1;
    this.#startedMs = this.#clock.monotonicMs();
    return this.#number;
  }

  /** A new carrier: what was under way is lost and is asked again where somebody waits for it. */
  renew(): void {
    this.#answer = null;
    this.#startedMs = null;
    this.#requested = this.#waiters.length > 0;
  }

  close(error: CausewayError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
