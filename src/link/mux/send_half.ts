import { deferred, observed } from '../../base/deferred.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type FrameClass, MESSAGE_COST_BYTES } from '../../wire/mux_frame.ts';
import type { FrameBatch } from './frame_batch.ts';
import { OutgoingMessage } from './outgoing_message.ts';

/** A peer that grants more than this has lost count or means harm. */
const CREDIT_MAX_BYTES = 2 ** 31;

/** The sending direction of one stream: messages wait here for credit and for their turn. */
export class SendHalf {
  readonly #streamId: number;
  readonly #streamClass: FrameClass;
  readonly #queue: OutgoingMessage[] = [];
  readonly #ended = deferred<void>();
  #creditBytes: number = LIMITS.streamCreditBytes.value;
  #endWanted = false;
  #endSent = false;
  #failure: CausewayError | null = null;

  constructor(streamId: number, streamClass: FrameClass) {
    this.#streamId = streamId;
    this.#streamClass = streamClass;
    observed(this.#ended.promise);
  }

  /** True when `addFrame` has something to add. */
  get ready(): boolean {
    if (this.#failure !== null) return false;
    const head = this.#queue[0];
    if (head !== undefined) return head.started || this.#creditBytes > 0;
    return this.#endWanted && !this.#endSent;
  }

  /** `end` was called. */
  get endWanted(): boolean {
    return this.#endWanted;
  }

  /** The end frame was composed. */
  get endSent(): boolean {
    return this.#endSent;
  }

  send(parts: readonly Uint8Array[], onReleased?: () => void): Promise<void> {
    const message = new OutgoingMessage(parts, onReleased);
    const taken = observed(message.taken.promise);
    const error = this.#failure ?? this.#refusal(message);
    if (error !== null) message.fail(error);
    else this.#queue.push(message);
    return taken;
  }

  end(): Promise<void> {
    this.#endWanted = true;
    return this.#ended.promise;
  }

  /** Throws CW_WIRE_MALFORMED for a credit that no receiver gives. */
  grant(sizeBytes: number): void {
    this.#creditBytes += sizeBytes;
    if (sizeBytes === 0 || this.#creditBytes > CREDIT_MAX_BYTES) {
      throw new CausewayError(
        'CW_WIRE_MALFORMED',
        `a credit of ${sizeBytes} bytes for stream ${this.#streamId}`,
      );
    }
  }

  /** Adds one frame of at most `batch.roomBytes` payload; returns its payload bytes. Only while `ready`. */
  addFrame(batch: FrameBatch): number {
    const message = this.#queue[0];
    if (message === undefined) {
      batch.addCopy(this.#header('end', true, 0, 0), null);
      this.#endSent = true;
      this.#ended.resolve();
      return 0;
    }
    const first = !message.started;
    if (first) this.#creditBytes -= message.sizeBytes + MESSAGE_COST_BYTES;
    const lengthBytes = Math.min(message.leftBytes, batch.roomBytes);
    const last = lengthBytes === message.leftBytes;
    batch.addMessage(this.#header('data', last, lengthBytes, first ? message.sizeBytes : 0), message);
    if (last) {
      this.#queue.shift();
      message.finish();
    }
    return lengthBytes;
  }

  /** Nothing is sent any more; what waits is released and rejected. */
  fail(error: CausewayError): void {
    this.#failure ??= error;
    for (const message of this.#queue.splice(0)) message.fail(error);
    this.#ended.reject(error);
  }

  #refusal(message: OutgoingMessage): CausewayError | null {
    const { frameMaxBytes, streamSendQueueMax } = LIMITS;
    if (this.#endWanted)
      return new CausewayError('CW_INTERNAL', 'a message was sent after the end of its stream');
    if (message.sizeBytes > frameMaxBytes.value) {
      return new CausewayError(
        'CW_LIMIT',
        `a message of ${message.sizeBytes} bytes; at most ${frameMaxBytes.value}`,
      );
    }
    if (this.#queue.length >= streamSendQueueMax.value) {
      return new CausewayError(
        'CW_LIMIT',
        `${this.#queue.length} messages wait on one stream; await each send`,
      );
    }
    return null;
  }

  #header(type: 'data' | 'end', last: boolean, lengthBytes: number, messageBytes: number) {
    const lastFlag = type === 'data' && last;
    const { streamClass, streamId } = { streamClass: this.#streamClass, streamId: this.#streamId };
    return { type, streamClass, last: lastFlag, streamId, lengthBytes, messageBytes };
  }
}
