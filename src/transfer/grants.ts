import { type Deferred, deferred, observed } from '../base/deferred.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { abortReason, throwIfAborted } from '../base/signal.ts';
import type { Mux, MuxStats, Stream } from '../link/mux/mux.ts';
import { encodeCopyMessage } from '../wire/copy_messages.ts';
import type { Clock } from '../world/clock.ts';
import type { LaneAcceptor } from './link_ports.ts';
import type { ByteGate } from './pacer.ts';
import type { SharedFlow } from './shared_rate.ts';

/** How often a source that waits for grants tells that it is a wait and not a stall, in ms. */
const TELL_MS = 1_000;
/** What one grant allows, in ms of the whole rate. */
const UNIT_MS = 10;
/**
 * What may be granted and not received yet, in the same way, beyond what two round trips take: it is also how much a source
 * that had nothing to send may send at once.
 */
const WINDOW_MS = 50;
const ROUND_TRIP_MAX_MS = 500;

/** Where a source waits for what the other side grants. It may send while anything is granted, so that one piece may be ahead. */
export class GrantGate implements ByteGate {
  readonly #clock: Clock;
  #balanceBytes = 0;
  #change: Deferred<void> = deferred();
  #order: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  granted(bytes: number): void {
    this.#balanceBytes += bytes;
    this.#change.resolve();
    this.#change = deferred();
  }

  take(bytes: number, signal: AbortSignal, onWaiting: () => void): Promise<void> {
    const taken = this.#order.then(() => this.#takeNext(bytes, signal, onWaiting));
    this.#order = taken.catch(() => undefined); // each caller sees its own failure; this only keeps the order
    return taken;
  }

  async #takeNext(bytes: number, signal: AbortSignal, onWaiting: () => void): Promise<void> {
    for (;;) {
      throwIfAborted(signal);
      if (this.#balanceBytes > 0) break;
      onWaiting();
      const timer = new AbortController();
      const late = this.#clock.sleep(TELL_MS, AbortSignal.any([signal, timer.signal])).catch(() => undefined); // the grant came first, or the signal, which is looked at next
      await Promise.race([this.#change.promise, late]);
      timer.abort();
    }
    this.#balanceBytes -= bytes;
  }
}

/** Grants for one copy whose source is at the other end of `stream`. */
class GrantFeed {
  readonly #stream: Stream;
  readonly #flow: SharedFlow;
  readonly #stats: () => Pick<MuxStats, 'roundTripMs'>;
  readonly #unitBytes: number;
  readonly #over = new AbortController();
  #outstandingBytes = 0;
  #change: Deferred<void> = deferred();

  constructor(stream: Stream, flow: SharedFlow, stats: () => Pick<MuxStats, 'roundTripMs'>) {
    this.#stream = stream;
    this.#flow = flow;
    this.#stats = stats;
    const { grantMinBytes, grantMaxBytes } = LIMITS;
    const unit = Math.round((flow.bytesPerSecond / 1000) * UNIT_MS);
    this.#unitBytes = Math.min(Math.max(unit, grantMinBytes.value), grantMaxBytes.value);
  }

  #windowBytes(): number {
    const roundTripMs = Math.min(this.#stats().roundTripMs ?? 0, ROUND_TRIP_MAX_MS);
    const windowMs = WINDOW_MS + 2 * roundTripMs;
    return Math.max((this.#flow.bytesPerSecond / 1000) * windowMs, 2 * this.#unitBytes);
  }

  received(bytes: number): void {
    this.#outstandingBytes -= bytes;
    this.#change.resolve();
    this.#change = deferred();
  }

  close(): void {
    this.#over.abort(new CausewayError('CW_LINK_CLOSED', 'the copy is over'));
    this.#change.resolve();
  }

  /** Grants until it is closed, or the stream does not take more. */
  async run(): Promise<void> {
    const { signal } = this.#over;
    const message = encodeCopyMessage({ t: 'grant', bytes: this.#unitBytes });
    while (!signal.aborted) {
      if (this.#outstandingBytes >= this.#windowBytes()) {
        await this.#change.promise;
        continue;
      }
      await this.#flow.take(this.#unitBytes, signal, () => undefined);
      if (signal.aborted) throw abortReason(signal);
      this.#outstandingBytes += this.#unitBytes;
      await this.#stream.send([message]);
    }
  }
}

/**
 * The lanes of a source that sends only what `flow` lets go: grants travel on `stream`, the control stream of its copy,
 * and what arrives on the lanes makes room for more of them. It begins with the first lane, so that nothing is saved up
 * while the plan is made. Closing the lanes ends it.
 */
export function grantedLanes(
  lanes: LaneAcceptor,
  stream: Stream,
  flow: SharedFlow,
  { mux }: { readonly mux: Mux },
): LaneAcceptor {
  const feed = new GrantFeed(stream, flow, () => mux.stats);
  let begun = false;
  const begin = () => {
    if (begun) return;
    begun = true;
    // it ends with the copy, or with the stream, whose other users report why; two, so that one always waits for its turn
    for (const run of [feed.run(), feed.run()]) observed(run);
  };
  return {
    authenticated: lanes.authenticated,
    next: async () => {
      const lane = await lanes.next();
      if (lane) begin();
      return lane && counted(lane, (bytes) => feed.received(bytes));
    },
    close: () => {
      feed.close();
      lanes.close();
    },
  };
}

function counted(stream: Stream, onMessage: (bytes: number) => void): Stream {
  return {
    id: stream.id,
    kind: stream.kind,
    streamClass: stream.streamClass,
    opening: stream.opening,
    send: (parts, onReleased) => stream.send(parts, onReleased),
    receive: async (onArrived) => {
      const message = await stream.receive(onArrived);
      if (message !== null) onMessage(message.bytes.byteLength);
      return message;
    },
    receiveNow: () => {
      const message = stream.receiveNow?.() ?? null;
      if (message !== null) onMessage(message.bytes.byteLength);
      return message;
    },
    end: () => stream.end(),
    reset: (error) => stream.reset(error),
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
  };
}
