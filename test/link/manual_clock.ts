import { setImmediate as turn } from 'node:timers/promises';
import { abortReason } from '../../src/base/signal.ts';
import type { Clock } from '../../src/world/clock.ts';

interface Sleeper {
  readonly wakeMs: number;
  readonly wake: () => void;
}

/** Time that moves only when a test says so. */
export class ManualClock implements Clock {
  #nowMs = 1000;
  readonly #sleepers = new Set<Sleeper>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#sleepers.delete(sleeper);
        reject(abortReason(signal as AbortSignal));
      };
      const sleeper: Sleeper = {
        wakeMs: this.#nowMs + durationMs,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  /** Moves time forward in order of the sleepers, letting everything else run after each of them. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      await settle();
      const next = [...this.#sleepers].sort((a, b) => a.wakeMs - b.wakeMs)[0];
      if (next === undefined || next.wakeMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.wakeMs);
      this.#sleepers.delete(next);
      next.wake();
    }
    this.#nowMs = endMs;
  }

  /** Jumps, as a process does that was frozen: sleepers wake late. */
  async jump(durationMs: number): Promise<void> {
    this.#nowMs += durationMs;
    await this.advance(0);
  }
}

/** Lets everything run that needs no time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await turn();
}
