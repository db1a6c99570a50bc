import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';

const TICK_MS = LIMITS.heartbeatIntervalMs.value / 4;

export interface HeartbeatEvents {
  /** Time to send a ping. */
  beat(): void;
  dead(error: CausewayError): void;
}

/**
 * Watches one carrier: a ping each heartbeatIntervalMs (also under load: its round trip is shown), death after
 * heartbeatTimeoutMs in which nothing arrived. Time in which this process itself was frozen counts as one tick.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #events: HeartbeatEvents;
  #heardMs: number;

  constructor(clock: Clock, events: HeartbeatEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#heardMs = clock.monotonicMs();
  }

  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /** Returns once `signal` is aborted or the carrier is dead. */
  async run(signal: AbortSignal): Promise<void> {
    let tickedMs = this.#clock.monotonicMs();
    let pingedMs = tickedMs;
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(TICK_MS, signal);
      } catch {
        return; // the only failure of a sleep is the abort, which means that the carrier is gone
      }
      const nowMs = this.#clock.monotonicMs();
      const frozenMs = nowMs - tickedMs - TICK_MS;
      if (frozenMs > TICK_MS) this.#heardMs = Math.min(nowMs, this.#heardMs + frozenMs);
      tickedMs = nowMs;
      const silentMs = nowMs - this.#heardMs;
      if (silentMs >= LIMITS.heartbeatTimeoutMs.value) {
        const text = `nothing was received for ${Math.round(silentMs)} ms`;
        this.#events.dead(new CausewayError('CW_LINK_DEAD', text));
        return;
      }
      if (nowMs - pingedMs >= LIMITS.heartbeatIntervalMs.value) {
        pingedMs = nowMs;
        this.#events.beat();
      }
    }
  }
}
