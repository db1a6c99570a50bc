import { type Deferred, deferred, observed } from '../../base/deferred.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type FrameHeader, MESSAGE_COST_BYTES } from '../../wire/mux_frame.ts';
import type { BufferPool, PooledBuffer } from './buffer_pool.ts';
import { ByteBudget } from './byte_budget.ts';
import type { StreamMessage } from './mux.ts';
import { ReceiveCredit } from './receive_credit.ts';

/** What all streams of a mux share on the receiving side. */
export interface ReceiveShare {
  readonly pool: BufferPool;
  /** Bytes of messages that are begun or received and not released. */
  readonly held: ByteBudget;
  /** Credit beyond the first of each stream. */
  readonly raised: ByteBudget;
}

export function createReceiveShare(pool: BufferPool): ReceiveShare {
  const held = new ByteBudget(LIMITS.muxHeldMaxBytes.value);
  return { pool, held, raised: new ByteBudget(LIMITS.muxCreditRaisedMaxBytes.value) };
}

/** A message whose frames arrive. */
interface Partial {
  readonly buffer: PooledBuffer;
  filledBytes: number;
}

interface Waiter extends Deferred<StreamMessage | null> {
  readonly onArrived: ((bytes: number) => void) | undefined;
}

/** The receiving direction of one stream. */
export class ReceiveHalf {
  readonly #share: ReceiveShare;
  readonly #credit: ReceiveCredit;
  /** Called with what the peer may send in addition. */
  readonly #grant: (sizeBytes: number) => void;
  readonly #inbox: ReceivedMessage[] = [];
  readonly #waiters: Waiter[] = [];
  #partial: Partial | null = null;
  /** A frame is being read into the partial message: its memory must not be given back meanwhile. */
  #filling = false;
  #ended = false;
  #failure: CausewayError | null = null;

  constructor(share: ReceiveShare, growable: boolean, grant: (sizeBytes: number) => void) {
    this.#share = share;
    this.#credit = new ReceiveCredit(growable, share.raised);
    this.#grant = grant;
  }

  /** The peer's end frame arrived. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Messages that nobody has received yet. */
  get unread(): number {
    return this.#inbox.length;
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  receive(onArrived?: (bytes: number) => void): Promise<StreamMessage | null> {
    const message = this.#inbox.shift();
    if (message !== undefined) return Promise.resolve(message);
    if (this.#failure !== null) return observed(Promise.reject(this.#failure));
    if (this.#ended) return Promise.resolve(null);
    const waiter: Waiter = { ...deferred<StreamMessage | null>(), onArrived };
    this.#waiters.push(waiter);
    return observed(waiter.promise);
  }

  /**
   * A data frame arrived: where its payload goes, or null when the stream would exceed what the mux may hold. Follow
   * with `filled`. Throws CW_WIRE_* for a frame that does not fit what came before.
   */
  place(header: FrameHeader): Uint8Array | null {
    const { lengthBytes, messageBytes, last } = header;
    if (this.#ended) throw malformed('a message after the end of its stream');
    if (this.#partial === null) {
      this.#credit.charge(messageBytes + MESSAGE_COST_BYTES);
      if (!this.#share.held.take(messageBytes + MESSAGE_COST_BYTES)) return null;
      this.#partial = { buffer: this.#share.pool.take(messageBytes), filledBytes: 0 };
    } else if (messageBytes !== 0) {
      throw malformed('a message length in the middle of a message');
    }
    const { buffer, filledBytes } = this.#partial;
    const endsAt = filledBytes + lengthBytes;
    if (endsAt > buffer.bytes.byteLength || last !== (endsAt === buffer.bytes.byteLength)) {
      throw malformed('the frames of a message do not have its length');
    }
    this.#filling = true;
    return buffer.bytes.subarray(filledBytes, endsAt);
  }

  /** So much more of the frame's payload is there. */
  arrived(bytes: number): void {
    if (this.#failure === null) this.#waiters[0]?.onArrived?.(bytes);
  }

  /** The payload of the frame that `place` was told of has arrived (or never will: `complete` false). */
  filled(header: FrameHeader, complete: boolean): void {
    this.#filling = false;
    if (this.#failure !== null || !complete) {
      this.#dropPartial();
      return;
    }
    const partial = this.#partial as Partial;
    partial.filledBytes += header.lengthBytes;
    if (!header.last) return;
    this.#partial = null;
    const message = new ReceivedMessage(partial.buffer, (sizeBytes) => this.#onReleased(sizeBytes));
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve(message);
    else this.#inbox.push(message);
  }

  end(): void {
    if (this.#ended) throw malformed('a second end of a stream');
    if (this.#partial !== null) throw malformed('the end of a stream in the middle of a message');
    this.#ended = true;
    this.#credit.close();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(null);
  }

  /** No more messages. `keepUnread`: what was received in whole can still be taken. */
  fail(error: CausewayError, keepUnread: boolean): void {
    if (!keepUnread) for (const message of this.#inbox.splice(0)) message.release();
    if (this.#failure !== null || (this.#ended && keepUnread)) return;
    this.#failure = error;
    if (!this.#ended) this.#credit.close();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    if (!this.#filling) this.#dropPartial();
  }

  #dropPartial(): void {
    const partial = this.#partial;
    if (partial === null) return;
    this.#partial = null;
    this.#share.held.give(partial.buffer.bytes.byteLength + MESSAGE_COST_BYTES);
    partial.buffer.release();
  }

  #onReleased(sizeBytes: number): void {
    const costBytes = sizeBytes + MESSAGE_COST_BYTES;
    this.#share.held.give(costBytes);
    if (this.#ended || this.#failure !== null) return;
    const grant = this.#credit.release(costBytes);
    if (grant > 0) this.#grant(grant);
  }
}

class ReceivedMessage implements StreamMessage {
  readonly #buffer: PooledBuffer;
  readonly #onReleased: (sizeBytes: number) => void;

  constructor(buffer: PooledBuffer, onReleased: (sizeBytes: number) => void) {
    this.#buffer = buffer;
    this.#onReleased = onReleased;
  }

  get bytes(): Uint8Array {
    return this.#buffer.bytes;
  }

  release(): void {
    const sizeBytes = this.#buffer.bytes.byteLength;
    this.#buffer.release();
    this.#onReleased(sizeBytes);
  }
}

function malformed(message: string): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', message);
}
