import { LIMITS } from '../../base/limits.ts';
import { IDLE_SHARE_MAX, IdleMeter } from './idle_meter.ts';

/** How long the highest rate counts: two of these at most. */
const RATE_KEPT_MS = 1_000;
/** How long the shortest round trip counts before the queue is let run dry for one, to measure it again. */
const ROUND_TRIP_KEPT_MS = 10_000;
/** What a round asks for more than the rate, one in so many, to find out whether the line gives more. */
const PROBE_GAIN = 1.25;
const PROBE_EVERY = 8;

interface Round {
  /** Ends when this offset is acknowledged. */
  readonly endsAt: number;
  readonly startedMs: number;
  readonly acknowledgedAt: number;
  /** Sent after the queue was let run dry. */
  readonly drained: boolean;
}

/**
 * How much may be on its way on a line so that it is never idle and hardly a queue stands in it: what it delivers in its
 * shortest round trip and lineQueueMs, or half a round trip, more. Rate and round trip are measured as BBR does (Cardwell et al., "BBR:
 * Congestion-Based Congestion Control", ACM Queue 14(5), 2016): the highest rate of delivery and the shortest round trip
 * of late, since neither can be seen at the same time. A queue that stands in the line belongs to nobody: what waits in
 * it can neither be overtaken by what is urgent nor shared by weight. A machine without time: told what happened and when.
 */
export class LineWindow {
  #round: Round | null = null;
  #rounds = 0;
  /** Bytes per ms, of the time before and of the current one. */
  #rates: [number, number] = [0, 0];
  #ratesSinceMs = 0;
  #roundTripMs: number | null = null;
  #roundTripAtMs = 0;
  #draining = false;
  readonly #idle = new IdleMeter();

  /** Forgets all: another carrier may be another kind of line. */
  reset(): void {
    this.#round = null;
    this.#rates = [0, 0];
    this.#roundTripMs = null;
    this.#draining = false;
    this.#idle.reset();
  }

  /** The sender has nothing to send from now on. */
  idle(nowMs: number): void {
    this.#idle.idle(nowMs);
  }

  busy(nowMs: number): void {
    this.#idle.busy(nowMs);
  }

  /**
   * Bytes up to the offset `sentAt` are on their way; of them those up to `acknowledgedAt` have arrived. `kept`: the
   * sender holds to `sizeBytes`.
   */
  sent(sentAt: number, acknowledgedAt: number, kept: boolean, nowMs: number): void {
    if (this.#round !== null) return;
    const drained = this.#draining && kept;
    this.#idle.takeMs(nowMs);
    this.#round = { endsAt: sentAt, startedMs: nowMs, acknowledgedAt, drained };
  }

  acknowledged(acknowledgedAt: number, nowMs: number): void {
    const round = this.#round;
    if (round === null || acknowledgedAt < round.endsAt) return;
    const roundTripMs = Math.max(nowMs - round.startedMs, Number.MIN_VALUE);
    this.#takeRoundTrip(roundTripMs, round.drained, nowMs);
    // a round in which the sender had nothing to send for a while says what it had, not what the line takes
    const full = this.#idle.takeMs(nowMs) <= roundTripMs * IDLE_SHARE_MAX;
    this.#takeRate((acknowledgedAt - round.acknowledgedAt) / Math.max(roundTripMs, 1), full, nowMs);
    this.#round = null;
    this.#rounds += 1;
  }

  /** How much may be on its way; Infinity until that is known. */
  get sizeBytes(): number {
    const bytesPerMs = Math.max(...this.#rates);
    if (this.#roundTripMs === null || bytesPerMs === 0) return Number.POSITIVE_INFINITY;
    const gain = this.#rounds % PROBE_EVERY === 0 ? PROBE_GAIN : 1;
    const wanted = this.#draining
      ? (bytesPerMs * this.#roundTripMs) / 2
      : gain * bytesPerMs * (this.#roundTripMs + Math.max(LIMITS.lineQueueMs.value, this.#roundTripMs / 2));
    return Math.max(Math.floor(wanted), LIMITS.lineWindowMinBytes.value);
  }

  #takeRoundTrip(roundTripMs: number, drained: boolean, nowMs: number): void {
    const known = this.#roundTripMs;
    if (known === null || roundTripMs <= known || drained) {
      this.#roundTripMs = roundTripMs;
      this.#roundTripAtMs = nowMs;
      this.#draining = false;
    } else if (nowMs - this.#roundTripAtMs > ROUND_TRIP_KEPT_MS) {
      this.#draining = true;
    }
  }

  #takeRate(bytesPerMs: number, full: boolean, nowMs: number): void {
    if (full && nowMs - this.#ratesSinceMs > RATE_KEPT_MS) {
      this.#rates = [this.#rates[1], 0];
      this.#ratesSinceMs = nowMs;
    }
    if (full || bytesPerMs > Math.max(...this.#rates)) this.#rates[1] = Math.max(this.#rates[1], bytesPerMs);
  }
}
