import { type Deferred, deferred, observed } from '../../base/deferred.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  decodeLaneMark,
  encodeLaneMark,
  type LaneMark,
  type LaneTicket,
  openLaneEnvelope,
} from '../../wire/lane_switch.ts';
import type { LanePiece, LaneReceiver } from '../../world/lane_threads.ts';
import type { Conn } from '../../world/net.ts';
import type { Stream, StreamMessage } from '../mux/mux.ts';
import type { LanePort } from './lane_port.ts';
import { LaneStream } from './lane_stream.ts';

const OVER = new CausewayError('CW_LINK_CLOSED', 'the lane has ended');

type Outcome<T> = { readonly value: T } | { readonly failure: CausewayError };

/** The receiving end of a lane: a stream of the link, beside which the other side may open a connection. See SendingLane. */
export class ReceivingLane extends LaneStream implements Stream {
  readonly #port: LanePort;
  readonly #over = new AbortController();
  #direct: LaneReceiver | null = null;
  #isDirect = false;
  /** Messages since the switch, and bytes since the last word about them. */
  #messages = 0;
  #untoldBytes = 0;
  /** What the stream gives next, asked for already; with its outcome once it is there. */
  #asked: Promise<StreamMessage | null> | null = null;
  #linkSays: Outcome<StreamMessage | null> | null = null;
  #changed: Deferred<void> = deferred();

  constructor(stream: Stream, port: LanePort) {
    super(stream);
    this.#port = port;
    this.#tell({ mark: 'ready', ticket: port.dials ? null : this.#issue() });
  }

  send(parts: readonly Uint8Array[], onReleased?: () => void): Promise<void> {
    return this.stream.send(parts, onReleased);
  }

  async receive(onArrived?: (bytes: number) => void): Promise<StreamMessage | null> {
    for (;;) {
      if (this.#isDirect) {
        const message = await this.#nextDirect();
        if (message !== null) return message;
        continue;
      }
      const message = await this.#nextOfLink(onArrived);
      if (message === null) this.#abandon(OVER);
      const mark = message === null ? null : decodeLaneMark(message.bytes);
      if (mark === null) return message;
      message?.release();
      this.#hear(mark);
    }
  }

  /** While the link has something to say, or is the way, there is nothing to be had at once. */
  receiveNow(): StreamMessage | null {
    if (!this.#isDirect || this.#linkSays !== null) return null;
    const direct = this.#direct as LaneReceiver;
    const piece = direct.receiveNow();
    return piece && this.#opened(piece, direct);
  }

  end(): Promise<void> {
    this.#abandon(OVER);
    return this.stream.end();
  }

  reset(error: CausewayError): void {
    this.#abandon(error);
    this.stream.reset(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abandon(OVER);
    await this.stream[Symbol.asyncDispose]();
  }

  #abandon(error: CausewayError): void {
    this.#over.abort(error);
    this.#direct?.kill();
  }

  #hear(mark: LaneMark): void {
    if (mark.mark === 'offer')
      this.#connect(mark.ticket).catch(() => undefined); // the link serves as before
    else if (mark.mark === 'switch') {
      if (this.#direct === null)
        throw new CausewayError('CW_WIRE_MALFORMED', 'a lane changed to a connection that is not there');
      this.#isDirect = true;
      this.#askLink();
    }
  }

  #issue(): LaneTicket {
    const issued = this.#port.issue();
    // one that nobody waits for: the other side is refused, and stays on the link
    if (issued === null) return { id: new Uint8Array(16), secret: new Uint8Array(32) };
    this.#over.signal.addEventListener('abort', issued.withdraw, { once: true });
    void issued.arrived.then((conn) => this.#adopt(conn, issued.ticket));
    return issued.ticket;
  }

  async #connect(ticket: LaneTicket): Promise<void> {
    if (!this.#port.dials || this.#direct !== null) return;
    this.#adopt(await this.#port.connect(ticket, this.#over.signal), ticket);
  }

  #adopt(conn: Conn, ticket: LaneTicket): void {
    if (this.#direct !== null || this.#over.signal.aborted) void conn.close();
    else this.#direct = this.#port.receiver(conn, ticket);
  }

  #nextOfLink(onArrived?: (bytes: number) => void): Promise<StreamMessage | null> {
    const asked = this.#asked ?? this.stream.receive(onArrived);
    this.#asked = null;
    this.#linkSays = null;
    return asked;
  }

  /** While messages come over the connection, the link may have to say that it broke. */
  #askLink(): void {
    this.#linkSays = null;
    const asked = observed(this.stream.receive());
    this.#asked = asked;
    void outcomeOf(asked).then((outcome) => {
      if (this.#asked !== asked) return;
      this.#linkSays = outcome;
      this.#changed.resolve();
    });
  }

  /** The next message of the connection; null once the stream goes on in its place. */
  async #nextDirect(): Promise<StreamMessage | null> {
    const direct = this.#direct as LaneReceiver;
    const arrived: Outcome<LanePiece | null>[] = [];
    void outcomeOf(direct.receive()).then((outcome) => {
      arrived.push(outcome);
      this.#changed.resolve();
    });
    for (;;) {
      this.#heedLink(direct);
      const [outcome] = arrived;
      if (outcome !== undefined) return this.#taken(outcome, direct);
      await this.#changed.promise;
      this.#changed = deferred();
    }
  }

  /** Throws what ended the stream. */
  #heedLink(direct: LaneReceiver): void {
    const says = this.#linkSays;
    if (says === null) return;
    if ('failure' in says) {
      direct.kill();
      throw says.failure;
    }
    if (says.value === null || decodeLaneMark(says.value.bytes)?.mark !== 'lost') return;
    says.value.release();
    direct.kill(); // what came whole is still given, then the failure
    this.#askLink();
  }

  #taken(arrived: Outcome<LanePiece | null>, direct: LaneReceiver): StreamMessage | null {
    if ('failure' in arrived) return this.#backToLink({ mark: 'lostAt', messages: this.#messages });
    const piece = arrived.value;
    if (piece === null) return this.#backToLink({ mark: 'acknowledged', messages: this.#messages });
    return this.#opened(piece, direct);
  }

  /** Null where it is damaged: then the stream goes on in its place. */
  #opened(piece: LanePiece, direct: LaneReceiver): StreamMessage | null {
    let bytes: Uint8Array;
    try {
      bytes = openLaneEnvelope(piece.bytes);
    } catch {
      direct.kill(); // damaged: it comes once more, over the link
      return this.#backToLink({ mark: 'lostAt', messages: this.#messages });
    }
    this.#messages += 1;
    this.#untoldBytes += bytes.byteLength;
    this.#port.receivedBytes += bytes.byteLength;
    if (this.#untoldBytes >= LIMITS.laneAckBytes.value) {
      this.#untoldBytes = 0;
      this.#tell({ mark: 'acknowledged', messages: this.#messages });
    }
    return { bytes, release: () => piece.release() };
  }

  #backToLink(mark: LaneMark): null {
    this.#isDirect = false;
    this.#tell(mark);
    return null;
  }

  #tell(mark: LaneMark): void {
    observed(this.stream.send([encodeLaneMark(mark)])); // a stream that is gone says so to who receives
  }
}

async function outcomeOf<T>(work: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work };
  } catch (failure) {
    return { failure: asCausewayError(failure) };
  }
}
