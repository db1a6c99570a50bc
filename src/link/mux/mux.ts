import type { CausewayError } from '../../base/errors.ts';
import type { LineFigures, PeerInfo } from '../../world/net.ts';
import type { LanePort } from '../lane/lane_port.ts';

/** What a stream is for; the accepting side routes by it. */
export type StreamKind = 'rpc' | 'transfer' | 'lane' | 'ping' | 'mount';

/** Classes in falling priority; control and interactive together always get at least 10 % of a busy pipe. */
export type StreamClass = 'control' | 'interactive' | 'bulk' | 'background';

/**
 * What several streams of one class have together of it, beside others of the class that wait too: bytes in proportion to
 * the weight. A stream without one has a share of its own of weight 1.
 */
export interface StreamShare {
  /** > 0. */
  readonly weight: number;
  /** Belongs to the link; 0 at first. */
  turnAt: number;
}

export interface StreamOptions {
  readonly streamClass: StreamClass;
  readonly opening: Uint8Array;
  readonly share?: StreamShare | undefined;
}

/** One received message. `bytes` is valid until `release()` is called (once, by the consumer): the memory is pooled. */
export interface StreamMessage {
  readonly bytes: Uint8Array;
  release(): void;
}

/** The receiving half of a stream. */
export interface MessageSource {
  /**
   * The next message; null after the peer's `end()`; rejects with the error of a reset, CW_LINK_SESSION_LOST or
   * CW_LINK_CLOSED. `onArrived` is told of the bytes of this message that arrive while it is waited for.
   */
  receive(onArrived?: (bytes: number) => void): Promise<StreamMessage | null>;
  /** The next message where it is there already, else null; absent where that is not known. Not while a `receive` waits. */
  receiveNow?(): StreamMessage | null;
}

/**
 * A flow-controlled stream of whole messages in both directions, in order. A message has at most
 * LIMITS.frameMaxBytes. It survives the replacement of the carrier below; it ends with the session.
 */
export interface Stream extends MessageSource, AsyncDisposable {
  readonly id: number;
  readonly kind: StreamKind;
  readonly streamClass: StreamClass;
  /** What the opener sent along (at most LIMITS.messageMaxBytes of CBOR). */
  readonly opening: Uint8Array;
  /**
   * Sends one message made of `parts`. Resolves when the flow control has taken all of it. The arrays belong to the
   * link until `onReleased` is called (after the peer has acknowledged the bytes, or the stream died): do not write to them before.
   */
  send(parts: readonly Uint8Array[], onReleased?: () => void): Promise<void>;
  /** No more messages from this side. */
  end(): Promise<void>;
  /** Ends both directions at once; the peer's calls fail with this error's code. Never waits for the peer. */
  reset(error: CausewayError): void;
}

export interface CloseReason {
  readonly error: CausewayError;
}

/** Many streams on one session. */
export interface Mux extends AsyncDisposable {
  /** Opens a stream at once (no round trip). CW_LIMIT when too many are open. */
  open(kind: StreamKind, options: StreamOptions): Promise<Stream>;
  /** The next stream that the peer opened. Rejects with the close reason once the mux is closed, or with the signal's. */
  accept(signal: AbortSignal): Promise<Stream>;
  /** Resolves when the session is gone for good; never rejects. */
  readonly closed: Promise<CloseReason>;
  close(error?: CausewayError): Promise<void>;
  /** Live figures. */
  readonly stats: MuxStats;
  /** How many streams of each kind are open now. */
  readonly openStreams: ReadonlyMap<StreamKind, number>;
  /** Gives lanes connections of their own beside the link; absent where it cannot. */
  lanes?: LanePort | null;
}

export interface MuxStats {
  /** Bytes given to the carrier since the start, framing and repeats included, and messages that went over connections of lanes. */
  readonly sentBytes: number;
  /** Of these, bytes sent again after a cut. */
  readonly resentBytes: number;
  readonly receivedBytes: number;
  /** How long this thread was held up by writes to carriers: encryption and the copy into the kernel. */
  readonly sendMs: number;
  /** Bytes sent and not acknowledged by the peer's session, and how many may be. */
  readonly inFlightBytes: number;
  readonly windowBytes: number;
  /** Figures of the transport below the carrier; null where it tells none. */
  readonly line: LineFigures | null;
  /** Last measured round trip of a ping in ms; null before the first. */
  readonly roundTripMs: number | null;
  /** For how long the ping under way has had no answer, in ms; 0 where none is. */
  readonly unansweredMs: number;
  readonly reconnects: number;
  /** False while the carrier is gone and a new one is sought. */
  readonly connected: boolean;
  readonly peer: PeerInfo;
}
