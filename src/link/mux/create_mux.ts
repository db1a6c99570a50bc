import { deferred, observed } from '../../base/deferred.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { FrameHeader } from '../../wire/mux_frame.ts';
import type { Clock } from '../../world/clock.ts';
import type { LanePort } from '../lane/lane_port.ts';
import type { Session } from '../session/session.ts';
import { AcceptQueue } from './accept_queue.ts';
import { BufferPool } from './buffer_pool.ts';
import { FrameReceiver, type StreamRegistry } from './frame_receiver.ts';
import { FrameSender } from './frame_sender.ts';
import type { CloseReason, Mux, MuxStats, Stream, StreamKind, StreamOptions } from './mux.ts';
import { MuxStream, type StreamHost, type StreamIdentity } from './mux_stream.ts';
import { createReceiveShare, type ReceiveShare } from './receive_half.ts';
import { StreamTable } from './stream_table.ts';

export interface MuxOptions {
  /** True on the side that dialled: its stream ids are odd. */
  readonly dialer: boolean;
  readonly clock: Clock;
  /** Where message buffers come from; muxes of one thread may share one. Default: a pool of its own. */
  readonly pool?: BufferPool;
}

/** A mux that can ask for a round trip. */
export interface PingableMux extends Mux {
  /** The round trip to the peer in ms, also behind saturated bulk streams. Rejects with the close reason. */
  ping(): Promise<number>;
}

/** Runs streams over `session` and owns it from then on: closing the mux closes the session and the other way round. */
export function createMux(session: Session, options: MuxOptions): PingableMux {
  return new SessionMux(session, options);
}

class SessionMux implements PingableMux, StreamHost, StreamRegistry {
  readonly closed: Promise<CloseReason>;
  readonly share: ReceiveShare;
  lanes: LanePort | null = null;
  readonly #session: Session;
  readonly #table: StreamTable;
  readonly #sender: FrameSender;
  readonly #receiver: FrameReceiver;
  readonly #accepts: AcceptQueue;
  readonly #closed = deferred<CloseReason>();
  #closeError: CausewayError | null = null;

  constructor(session: Session, options: MuxOptions) {
    this.#session = session;
    this.share = createReceiveShare(options.pool ?? new BufferPool());
    this.#table = new StreamTable(options.dialer);
    this.#sender = new FrameSender(session, (stream) => this.remove(stream));
    this.#receiver = new FrameReceiver(session, this);
    this.#accepts = new AcceptQueue((stream) => this.#receiver.openings.give(stream.opening.byteLength + 1));
    this.closed = this.#closed.promise;
    void this.#receiver.run();
    void session.closed.then((error) => {
      this.#fail(error, true);
      this.#closed.resolve({ error });
    });
  }

  async open(kind: StreamKind, options: StreamOptions): Promise<Stream> {
    if (this.#closeError) throw this.#closeError;
    const { opening, streamClass, share } = options;
    if (opening.byteLength > LIMITS.messageMaxBytes.value) {
      throw new CausewayError('CW_LIMIT', `an opening of ${opening.byteLength} bytes`);
    }
    const identity = { id: this.#table.takeOwnId(), kind, streamClass, opening, share };
    const stream = new MuxStream(identity, this, false);
    this.#table.add(stream);
    this.#sender.open(stream);
    return stream;
  }

  accept(signal: AbortSignal): Promise<Stream> {
    return observed(this.#accepts.accept(signal));
  }

  ping(): Promise<number> {
    return this.#session.ping();
  }

  close(error = new CausewayError('CW_LINK_CLOSED', 'the link was closed')): Promise<void> {
    this.#fail(error, false);
    return this.#session.close(this.#closeError ?? error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get stats(): MuxStats {
    const stats = this.#session.stats;
    if (this.lanes === null) return stats;
    const { sentBytes, receivedBytes } = this.lanes;
    return {
      ...stats,
      sentBytes: stats.sentBytes + sentBytes,
      receivedBytes: stats.receivedBytes + receivedBytes,
    };
  }

  get openStreams(): ReadonlyMap<StreamKind, number> {
    const counts = new Map<StreamKind, number>();
    for (const { kind } of this.#table) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }

  // the streams' side

  ready(stream: MuxStream): void {
    this.#sender.ready(stream);
  }

  urgent(stream: MuxStream): void {
    this.#sender.urgent(stream);
  }

  // the receiver's side

  find(streamId: number): MuxStream | undefined {
    return this.#table.find(streamId);
  }

  wasOpen(streamId: number): boolean {
    return this.#table.wasTaken(streamId);
  }

  begin(streamId: number): void {
    this.#table.takePeerId(streamId);
  }

  opened(identity: StreamIdentity): void {
    if (this.#closeError) return; // closing: what still arrives has no reader
    const stream = new MuxStream(identity, this, true);
    this.#table.add(stream);
    this.#accepts.push(stream);
  }

  refuse(header: FrameHeader, error: CausewayError): void {
    this.#table.giveBack(header.streamId);
    this.#sender.refuse(header.streamId, header.streamClass, error);
  }

  remove(stream: MuxStream): void {
    this.#sender.forget(stream);
    if (this.#table.remove(stream)) this.#accepts.remove(stream);
  }

  removeUnopened(streamId: number): void {
    this.#table.giveBack(streamId);
  }

  /** Ends everything. `keepUnread`: what the streams have received in whole can still be taken. */
  #fail(error: CausewayError, keepUnread: boolean): void {
    if (this.#closeError) return;
    this.#closeError = asCausewayError(error);
    this.#sender.close();
    this.#accepts.fail(error);
    for (const stream of [...this.#table]) {
      stream.fail(error, keepUnread);
      this.#table.remove(stream);
    }
  }
}
