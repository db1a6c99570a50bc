import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { PartView } from '../../contract/part_schemas.ts';
import type { Clock } from '../../world/clock.ts';
import { retryWaitMs } from '../retry.ts';

/** A part of the daemon that runs. */
export interface RunningPart {
  /** Resolves with why, where the part ends without being closed. */
  readonly ended: Promise<unknown>;
  close(): Promise<void>;
}

interface PartSpec<T extends RunningPart> {
  readonly name: PartView['name'];
  readonly clock: Pick<Clock, 'sleep' | 'monotonicMs'>;
  readonly start: () => Promise<T>;
}

const WAITS = { minMs: LIMITS.partRestartMinMs.value, maxMs: LIMITS.partRestartMaxMs.value };

/**
 * A part of the daemon that is started again by itself where it ends or cannot start, with waits from
 * `LIMITS.partRestartMinMs` to `LIMITS.partRestartMaxMs`; the other parts do not notice.
 */
export class SupervisedPart<T extends RunningPart = RunningPart> {
  readonly #spec: PartSpec<T>;
  readonly #stop = new AbortController();
  #running: T | null = null;
  #error: CausewayError | null = null;
  #restarts = 0;
  /** In a row: a part that ran for a while begins anew. */
  #failures = 0;
  #keeping: Promise<void> | null = null;

  constructor(spec: PartSpec<T>) {
    this.#spec = spec;
  }

  /** Null while it is being started again. */
  get running(): T | null {
    return this.#running;
  }

  /** Why it does not run; null where it does. */
  get error(): CausewayError | null {
    return this.#running === null ? this.#error : null;
  }

  /** Starts it, and keeps it. Throws where it cannot start, and then nothing is kept. */
  async begin(): Promise<void> {
    this.#running = await this.#spec.start();
    this.#keeping = this.#keep();
  }

  /** Starts it and keeps it, also where it cannot start yet: `error` tells. */
  async beginAnyhow(): Promise<void> {
    try {
      this.#running = await this.#spec.start();
    } catch (failure) {
      this.#fail(failure);
    }
    this.#keeping = this.#keep();
  }

  view(): PartView {
    return {
      name: this.#spec.name,
      state: this.#running === null ? 'restarting' : 'running',
      restarts: this.#restarts,
      error: this.#error?.report() ?? null,
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#keeping;
    const running = this.#running;
    this.#running = null;
    await running?.close();
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stop;
    const { promise: stopped, resolve } = Promise.withResolvers<typeof STOPPED>();
    signal.addEventListener('abort', () => resolve(STOPPED), { once: true });
    while (!signal.aborted) {
      if (this.#running === null) await this.#startAgain(signal);
      else {
        const beganMs = this.#spec.clock.monotonicMs();
        const failure = await Promise.race([this.#running.ended, stopped]);
        if (failure === STOPPED) return;
        if (this.#spec.clock.monotonicMs() - beganMs > LIMITS.partSteadyMs.value) this.#failures = 0;
        const ended = this.#running;
        this.#running = null;
        this.#fail(failure);
        await ended.close().catch(() => undefined); // it has ended: what is left of it may not close in order
      }
    }
  }

  async #startAgain(signal: AbortSignal): Promise<void> {
    const { clock, start } = this.#spec;
    try {
      await clock.sleep(retryWaitMs(Math.max(1, this.#failures), WAITS), signal);
    } catch {
      return; // it is closed
    }
    try {
      this.#running = await start();
      this.#restarts += 1;
    } catch (failure) {
      this.#fail(failure);
    }
  }

  #fail(failure: unknown): void {
    this.#failures += 1;
    this.#error =
      failure === undefined
        ? new CausewayError('CW_INTERNAL', `${this.#spec.name} has ended`)
        : asCausewayError(failure);
  }
}

const STOPPED = Symbol('stopped');
