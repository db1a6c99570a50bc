import { type WindowState, windowStateAt } from '../base/time_window.ts';
import type { LocalTime } from '../world/local_time.ts';
import type { LiveJob } from './live_job.ts';

/** What the time windows of jobs say of one moment; many jobs share the same windows. */
export class QueueWindows {
  readonly #nowMs: number;
  readonly #localTime: LocalTime;
  readonly #known = new Map<string, WindowState>();

  constructor(nowMs: number, localTime: LocalTime) {
    this.#nowMs = nowMs;
    this.#localTime = localTime;
  }

  of({ windows, stored }: LiveJob): WindowState {
    const key = (stored.request.windows ?? []).join();
    const known =
      this.#known.get(key) ?? windowStateAt(windows, this.#nowMs, (atMs) => this.#localTime.offsetMs(atMs));
    this.#known.set(key, known);
    return known;
  }
}
