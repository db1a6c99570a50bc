import { abortReason } from '../../base/signal.ts';
import type { Clock } from '../clock.ts';
import type { Dice } from './dice.ts';
import { never, type Resource, type SimProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** 2026-01-01T00:00:00Z: what the wall clock of a machine shows at virtual time 0. */
export const WALL_EPOCH_MS = 1_767_225_600_000;

/** A timer fires this late at most, by chance. */
const TIMER_SLACK_MS = 1;

/** The clocks of one machine: both move with virtual time, the wall clock by jumps too. */
export class MachineClock {
  readonly #scheduler: Scheduler;
  #wallOffsetMs = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  get scheduler(): Scheduler {
    return this.#scheduler;
  }

  wallMs(): number {
    return WALL_EPOCH_MS + this.#scheduler.nowMs + this.#wallOffsetMs;
  }

  /** Somebody sets the wall clock. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}

/** The clock as one process sees it. */
export class SimClock implements Clock {
  readonly #process: SimProcess;
  readonly #machine: MachineClock;
  readonly #dice: Dice;

  constructor(process: SimProcess, machine: MachineClock, dice: Dice) {
    this.#process = process;
    this.#machine = machine;
    this.#dice = dice;
  }

  monotonicMs(): number {
    return this.#machine.scheduler.nowMs;
  }

  wallMs(): number {
    return this.#machine.wallMs();
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (!this.#process.enter('sleep', 'timer', null, Math.round(durationMs))) return never<void>();
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const waiter = this.#process.waiter<void>();
    const end = (): void => {
      this.#machine.scheduler.cancel(event);
      this.#process.release(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      end();
      waiter.reject(abortReason(signal as AbortSignal));
    };
    const timer: Resource = { label: `timer of ${durationMs} ms`, abandon: end };
    const slackMs = this.#dice.unit() * TIMER_SLACK_MS;
    const event = this.#machine.scheduler.after(durationMs + slackMs, () => {
      end();
      waiter.resolve();
    });
    this.#process.hold(timer);
    signal?.addEventListener('abort', onAbort, { once: true });
    return waiter.promise;
  }
}
