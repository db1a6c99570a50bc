import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { ByteBudget } from './byte_budget.ts';

const GROWS_AFTER_WINDOWS = 4;

/**
 * The receiver's side of a stream's flow control, in bytes. The sender may start a message while it has any credit
 * left; the message is charged as a whole, so that the credit can go below zero by less than one message. What the
 * consumer releases is granted again, in portions. A stream that may grow gets twice the credit, up to
 * streamCreditMaxBytes, each time its sender used it up, or has sent some windows of it, as far as `raised` allows. The
 * latter because grants are on their way for a while: the sender may wait for each of them, and none of it shows here.
 */
export class ReceiveCredit {
  readonly #raised: ByteBudget;
  readonly #growable: boolean;
  #windowBytes: number = LIMITS.streamCreditBytes.value;
  /** What the sender has left once everything that was granted has reached it. */
  #leftBytes: number = LIMITS.streamCreditBytes.value;
  #owedBytes = 0;
  #usedUp = false;
  /** Released since the credit was raised last. */
  #flowedBytes = 0;

  constructor(growable: boolean, raised: ByteBudget) {
    this.#growable = growable;
    this.#raised = raised;
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** A message of this cost begins. Throws CW_WIRE_TOO_LARGE when the sender had no credit left. */
  charge(costBytes: number): void {
    if (this.#leftBytes <= 0) {
      throw new CausewayError('CW_WIRE_TOO_LARGE', 'the peer sent a message beyond the credit of its stream');
    }
    this.#leftBytes -= costBytes;
    if (this.#leftBytes <= 0) this.#usedUp = true;
  }

  /** A message of this cost was released. Returns the credit to grant now, 0 when it is not worth a frame yet. */
  release(costBytes: number): number {
    this.#owedBytes += costBytes;
    this.#flowedBytes += costBytes;
    if (this.#leftBytes > 0 && this.#owedBytes < this.#windowBytes / 4) return 0;
    const grant = this.#owedBytes + this.#grow();
    this.#owedBytes = 0;
    this.#usedUp = false;
    this.#leftBytes += grant;
    return grant;
  }

  /** The stream is over. */
  close(): void {
    this.#raised.give(this.#windowBytes - LIMITS.streamCreditBytes.value);
    this.#windowBytes = LIMITS.streamCreditBytes.value;
  }

  #grow(): number {
    const isUsed = this.#usedUp || this.#flowedBytes >= GROWS_AFTER_WINDOWS * this.#windowBytes;
    if (!this.#growable || !isUsed) return 0;
    this.#flowedBytes = 0;
    const extra = Math.min(this.#windowBytes, LIMITS.streamCreditMaxBytes.value - this.#windowBytes);
    if (extra === 0 || !this.#raised.take(extra)) return 0;
    this.#windowBytes += extra;
    return extra;
  }
}
