import { CausewayError } from '../../base/errors.ts';
import type { FrameBatch } from './frame_batch.ts';
import type { Stream, StreamClass, StreamKind, StreamMessage, StreamShare } from './mux.ts';
import { ReceiveHalf, type ReceiveShare } from './receive_half.ts';
import { SendHalf } from './send_half.ts';

/** What a stream needs of its mux. */
export interface StreamHost {
  readonly share: ReceiveShare;
  /** The stream has frames to send. */
  ready(stream: MuxStream): void;
  /** The stream has a credit or a reset to send. */
  urgent(stream: MuxStream): void;
}

export interface StreamIdentity {
  readonly id: number;
  readonly kind: StreamKind;
  readonly streamClass: StreamClass;
  readonly opening: Uint8Array;
  /** Absent: one of its own. */
  readonly share?: StreamShare | undefined;
}

/** One stream of a mux: the application's side of it, and what the frame sender and receiver work on. */
export class MuxStream implements Stream {
  readonly id: number;
  readonly kind: StreamKind;
  readonly streamClass: StreamClass;
  readonly opening: Uint8Array;
  readonly share: StreamShare;
  readonly sending: SendHalf;
  readonly receiving: ReceiveHalf;
  /** The peer knows of the stream: its opening was sent in whole, or it is the peer's. */
  announced: boolean;
  /** Credit that the peer has not been told of. */
  grantBytes = 0;
  /** Why this side ended the stream, until the peer is told. */
  resetReason: CausewayError | null = null;
  readonly #host: StreamHost;
  #over = false;
  /** Nobody will receive: a message that arrives from now on resets the stream. */
  #abandoned = false;

  constructor(identity: StreamIdentity, host: StreamHost, announced: boolean) {
    this.announced = announced;
    this.id = identity.id;
    this.kind = identity.kind;
    this.streamClass = identity.streamClass;
    this.opening = identity.opening;
    this.share = identity.share ?? { weight: 1, turnAt: 0 };
    this.#host = host;
    const growable = identity.streamClass === 'bulk' || identity.streamClass === 'background';
    this.sending = new SendHalf(identity.id, identity.streamClass);
    this.receiving = new ReceiveHalf(host.share, growable, (sizeBytes) => {
      this.grantBytes += sizeBytes;
      host.urgent(this);
    });
  }

  /** Both directions have ended, or the stream was reset. */
  get over(): boolean {
    return this.#over || (this.sending.endSent && this.receiving.ended);
  }

  send(parts: readonly Uint8Array[], onReleased?: () => void): Promise<void> {
    const taken = this.sending.send(parts, onReleased);
    if (this.sending.ready) this.#host.ready(this);
    return taken;
  }

  receive(onArrived?: (bytes: number) => void): Promise<StreamMessage | null> {
    return this.receiving.receive(onArrived);
  }

  end(): Promise<void> {
    const ended = this.sending.end();
    if (this.sending.ready) this.#host.ready(this);
    return ended;
  }

  reset(error: CausewayError): void {
    if (this.over) {
      this.receiving.fail(error, false);
      return;
    }
    this.resetReason = error;
    this.fail(error, false);
    this.#host.urgent(this);
  }

  /**
   * After `end()` the messages on their way still reach the peer, and what the peer sends from now on resets the stream.
   * Without it the stream is reset: the peer must not take a broken off stream for a finished one.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const unheard = new CausewayError('CW_LINK_STREAM_RESET', 'the other side closed the stream');
    if (!this.sending.endWanted || this.receiving.unread > 0) this.reset(unheard);
    else this.#abandoned = true;
  }

  /** Ends both directions on this side, because of the peer or of the session. */
  fail(error: CausewayError, keepUnread: boolean): void {
    this.#over = true;
    this.sending.fail(error);
    this.receiving.fail(error, keepUnread);
  }

  /** The peer raised the credit. Throws CW_WIRE_MALFORMED. */
  granted(sizeBytes: number): void {
    this.sending.grant(sizeBytes);
    if (this.sending.ready) this.#host.ready(this);
  }

  addFrame(batch: FrameBatch): number {
    return this.sending.addFrame(batch);
  }

  /** A message begins to arrive: resets the stream when nobody will take it. */
  refuseIfAbandoned(): void {
    if (this.#abandoned && !this.over) {
      this.reset(
        new CausewayError(
          'CW_LINK_STREAM_RESET',
          'the other side closed the stream and takes no more messages',
        ),
      );
    }
  }
}
