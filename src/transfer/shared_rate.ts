import { deferred } from '../base/deferred.ts';
import { abortReason, throwIfAborted } from '../base/signal.ts';
import type { Clock } from '../world/clock.ts';
import { FairScheduler, type Flow, type FlowSpec, type Piece } from './fair_scheduler.ts';
import type { ByteGate } from './pacer.ts';

/** What is left for control and interactive messages, which never wait here. */
const RESERVE = 0.1;
/** What may be made up for when this side was late, in ms: a longer burst would stand in the way of others at the bottleneck. */
const CREDIT_MS = 25;
/** Who waits is told that it is a wait and not a stall. */
const TELL_MS = 1_000;
/** A copy that has nothing to send for up to this long, while it reads the next piece, is not passed over for good. */
const MARK_MS = 250;

interface Waiting extends Piece {
  readonly go: () => void;
  readonly onWaiting: () => void;
}

/** One copy among those that share a rate. */
export interface SharedFlow extends ByteGate {
  /** What all copies have together. */
  readonly bytesPerSecond: number;
  /** The copy has ended. */
  leave(): void;
}

/** A rate that the copies of a daemon share in one direction: what FairScheduler says, when its time has come. */
export class SharedRate {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  readonly #scheduler: FairScheduler<Waiting>;
  readonly #waiting = new Set<Waiting>();
  /** When everything that went has had its time, on the monotonic clock. */
  #paidUntilMs: number;
  #running = false;
  #markedMs: number;
  #copies = 0;
  #grantedBytes = 0;

  /** `bytesPerSecond` > 0: of the bottleneck; copies have nine tenths of it. `weightOf`: see FairScheduler. */
  constructor(clock: Clock, bytesPerSecond: number, weightOf: (vm: string) => number) {
    this.#clock = clock;
    this.#bytesPerMs = (bytesPerSecond * (1 - RESERVE)) / 1000;
    this.#scheduler = new FairScheduler(weightOf);
    this.#paidUntilMs = clock.monotonicMs();
    this.#markedMs = this.#paidUntilMs;
  }

  /** Copies that take part, pieces of them that wait, and what was let go so far. */
  get figures(): { readonly copies: number; readonly waiting: number; readonly grantedBytes: number } {
    return { copies: this.#copies, waiting: this.#waiting.size, grantedBytes: this.#grantedBytes };
  }

  join(spec: FlowSpec): SharedFlow {
    const flow = this.#scheduler.join(spec);
    this.#copies += 1;
    return {
      bytesPerSecond: this.#bytesPerMs * 1000,
      take: (bytes, signal, onWaiting) => this.#take(flow, { bytes, signal, onWaiting }),
      leave: () => {
        this.#copies -= 1;
        this.#scheduler.leave(flow);
      },
    };
  }

  async #take(
    flow: Flow<Waiting>,
    ask: { readonly bytes: number; readonly signal: AbortSignal; readonly onWaiting: () => void },
  ): Promise<void> {
    const { bytes, signal, onWaiting } = ask;
    throwIfAborted(signal);
    const turn = deferred<void>();
    const waiting: Waiting = { bytes, go: () => turn.resolve(), onWaiting };
    const abort = () => turn.reject(abortReason(signal));
    signal.addEventListener('abort', abort, { once: true });
    this.#scheduler.ask(flow, waiting);
    this.#waiting.add(waiting);
    this.#run();
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#scheduler.withdraw(flow, waiting);
      this.#waiting.delete(waiting);
    }
  }

  #mark(nowMs: number): void {
    const passedMs = nowMs - this.#markedMs;
    if (passedMs < MARK_MS) return;
    this.#markedMs = nowMs;
    this.#scheduler.mark();
    if (passedMs > 2 * MARK_MS) this.#scheduler.mark();
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#letGo();
  }

  /** Lets pieces go for as long as some wait. */
  async #letGo(): Promise<void> {
    let toldMs = this.#clock.monotonicMs();
    while (this.#waiting.size > 0) {
      const nowMs = this.#clock.monotonicMs();
      if (nowMs - toldMs >= TELL_MS) {
        toldMs = nowMs;
        for (const { onWaiting } of this.#waiting) onWaiting();
      }
      this.#mark(nowMs);
      const leftMs = this.#paidUntilMs - nowMs;
      if (leftMs > 0) {
        await this.#clock.sleep(Math.min(leftMs, TELL_MS));
        continue;
      }
      const piece = this.#scheduler.next();
      if (piece === null) break;
      this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs - CREDIT_MS) + piece.bytes / this.#bytesPerMs;
      this.#waiting.delete(piece);
      this.#grantedBytes += piece.bytes;
      piece.go();
    }
    this.#running = false;
  }
}
