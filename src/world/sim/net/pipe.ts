import type { Dice } from '../dice.ts';
import type { SimEvent } from '../scheduler.ts';
import type { NetContext, Route } from './route.ts';

/** Data on its way, or what ends it. */
interface Segment {
  readonly bytes: Uint8Array;
  readonly kind: 'data' | 'eof' | 'cut';
  arrivesAtMs: number;
}

const NO_BYTES = new Uint8Array(0);

/** Sums of virtual times differ by less than this from what they stand for. */
const CLOCK_ROUNDING_MS = 1e-6;

/** `open`: more may come. `eof`: the sender has ended. `cut`: broken. */
export type PipeState = 'open' | 'eof' | 'cut';

/** One direction of a byte pipe: bytes on the way, then bytes that have arrived and wait for a reader. */
export class Pipe {
  readonly route: Route;
  readonly #context: NetContext;
  readonly #dice: Dice;
  readonly #transit: Segment[] = [];
  readonly #arrived: Uint8Array[] = [];
  readonly capacityBytes: number;
  #headOffset = 0;
  #arrivedBytes = 0;
  #transitBytes = 0;
  #lastArrivalMs = 0;
  #event: SimEvent | null = null;
  #waiting = false;
  state: PipeState = 'open';
  /** Called when bytes or an end have arrived. */
  onArrival: (() => void) | null = null;
  /** Called when there is room again, or never will be. */
  onRoom: (() => void) | null = null;
  /** Called when a cut has arrived; null where the pipe knows no cuts. */
  onCut: (() => void) | null = null;
  /** Called when data came to a closed receiver. */
  onUnwanted: (() => void) | null = null;
  /** False once the receiver has closed. */
  wanted = true;

  constructor(context: NetContext, route: Route, capacityBytes: number, dice: Dice) {
    this.#context = context;
    this.route = route;
    this.capacityBytes = capacityBytes;
    this.#dice = dice;
  }

  get arrivedBytes(): number {
    return this.#arrivedBytes;
  }

  get hasRoom(): boolean {
    return this.#arrivedBytes + this.#transitBytes <= this.capacityBytes;
  }

  /** Sends a private copy of `bytes`, in one piece or several. */
  send(bytes: Uint8Array): void {
    let at = 0;
    for (const size of this.route.split(bytes.byteLength)) {
      const passage = this.route.passage();
      const piece = bytes.subarray(at, at + size);
      at += size;
      if (passage.flip) this.#flip(piece);
      const cut = passage.cut && this.onCut !== null;
      const kept = cut ? piece.subarray(0, this.#dice.between(0, piece.byteLength)) : piece;
      this.#dispatch({
        bytes: kept,
        kind: 'data',
        arrivesAtMs: this.#arrival(kept.byteLength, passage.delayMs),
      });
      if (!cut) continue;
      this.#dispatch({ bytes: NO_BYTES, kind: 'cut', arrivesAtMs: this.#lastArrivalMs });
      break;
    }
    this.#pump();
  }

  /** The sender ends: in order behind its bytes, or as a cut. */
  finish(kind: 'eof' | 'cut'): void {
    if (this.state !== 'open') return;
    this.#dispatch({ bytes: NO_BYTES, kind, arrivesAtMs: this.#arrival(0, this.route.delayMs()) });
    this.#pump();
  }

  /** Broken now: what is on the way is lost, and what has arrived too. */
  break(): void {
    this.state = 'cut';
    this.discard();
    this.onArrival?.();
    this.onRoom?.();
  }

  /** Drops all bytes. */
  discard(): void {
    this.#transit.length = 0;
    this.#transitBytes = 0;
    this.#arrived.length = 0;
    this.#arrivedBytes = 0;
    this.#headOffset = 0;
    if (this.#event !== null) this.#context.scheduler.cancel(this.#event);
    this.#event = null;
  }

  /** The receiver has closed: nothing is kept any more. True where bytes were dropped. */
  refuse(): boolean {
    const dropped = this.#arrivedBytes + this.#transitBytes > 0;
    this.wanted = false;
    this.discard();
    if (!dropped) this.onRoom?.();
    return dropped;
  }

  /** Moves arrived bytes into `into`, at most its length. */
  take(into: Uint8Array): number {
    let moved = 0;
    while (moved < into.byteLength && this.#arrived.length > 0) {
      const head = this.#arrived[0] as Uint8Array;
      const piece = head.subarray(this.#headOffset, this.#headOffset + into.byteLength - moved);
      into.set(piece, moved);
      moved += piece.byteLength;
      this.#headOffset += piece.byteLength;
      if (this.#headOffset < head.byteLength) break;
      this.#arrived.shift();
      this.#headOffset = 0;
    }
    this.#arrivedBytes -= moved;
    if (moved > 0 && this.hasRoom) this.onRoom?.();
    return moved;
  }

  /** Ends what delays the bytes on their way. */
  hurry(): void {
    const soonMs = this.#context.scheduler.nowMs + 1;
    for (const segment of this.#transit) segment.arrivesAtMs = Math.min(segment.arrivesAtMs, soonMs);
    this.#lastArrivalMs = Math.min(this.#lastArrivalMs, soonMs);
    if (this.#event !== null) this.#context.scheduler.cancel(this.#event);
    this.#event = null;
    this.#pump();
  }

  #arrival(length: number, delayMs: number): number {
    const nowMs = this.#context.scheduler.nowMs;
    const carryMs = this.route.bytesPerMs > 0 ? length / this.route.bytesPerMs : 0;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + delayMs) + carryMs;
    return this.#lastArrivalMs;
  }

  #dispatch(segment: Segment): void {
    this.#transit.push(segment);
    this.#transitBytes += segment.bytes.byteLength;
  }

  /** Delivers what is due, and comes back for the rest. */
  #pump(): void {
    const { scheduler } = this.#context;
    if (this.#transit.length === 0 || this.#event !== null) return;
    if (this.route.held) {
      if (this.#waiting) return;
      this.#waiting = true;
      this.route.whenReleased(() => {
        this.#waiting = false;
        this.#pump();
      });
      return;
    }
    while (
      this.#transit.length > 0 &&
      (this.#transit[0] as Segment).arrivesAtMs <= scheduler.nowMs + CLOCK_ROUNDING_MS
    ) {
      this.#deliver(this.#transit.shift() as Segment);
    }
    const next = this.#transit[0];
    if (!next || this.#event !== null) return;
    this.#event = scheduler.after(next.arrivesAtMs - scheduler.nowMs, () => {
      this.#event = null;
      this.#context.trace.note(scheduler.nowMs, 'deliver', 0, next.kind, next.bytes.byteLength);
      this.#pump();
    });
  }

  #deliver(segment: Segment): void {
    this.#transitBytes -= segment.bytes.byteLength;
    if (this.state !== 'open') return;
    if (segment.kind === 'cut') {
      this.onCut?.();
    } else if (!this.wanted) {
      if (segment.kind === 'data') this.onUnwanted?.();
      this.onRoom?.();
    } else if (segment.kind === 'eof') {
      this.state = 'eof';
      this.onArrival?.();
    } else if (segment.bytes.byteLength > 0) {
      this.#arrived.push(segment.bytes);
      this.#arrivedBytes += segment.bytes.byteLength;
      this.onArrival?.();
    }
  }

  #flip(piece: Uint8Array): void {
    if (piece.byteLength === 0) return;
    const at = this.#dice.between(0, piece.byteLength - 1);
    piece[at] = (piece[at] as number) ^ (1 << this.#dice.between(0, 7));
  }
}
