import { sharedBytes, totalBytes } from '../../base/bytes.ts';
import { type Deferred, deferred, observed } from '../../base/deferred.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  decodeLaneMark,
  encodeLaneEnvelope,
  encodeLaneMark,
  type LaneMark,
  type LaneTicket,
} from '../../wire/lane_switch.ts';
import type { LaneSender } from '../../world/lane_threads.ts';
import type { Conn } from '../../world/net.ts';
import type { Stream, StreamMessage } from '../mux/mux.ts';
import type { LanePort } from './lane_port.ts';
import { LaneStream } from './lane_stream.ts';

interface Sent {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly onReleased: (() => void) | undefined;
}

/**
 * Where the messages go. `link`: over the stream. `direct`: over the connection. `leaving`: the connection was ended in peace, and
 * what is on its way is waited for. `recovering`: it broke, and the other side is asked what it has.
 */
type Phase = 'link' | 'direct' | 'leaving' | 'recovering';

/**
 * The sending end of a lane: a stream of the link, whose messages take a connection of their own once the lane is fast.
 * Messages stay in order, each arrives once, whatever breaks: what the other side has not acknowledged goes over the link again.
 */
export class SendingLane extends LaneStream implements Stream {
  readonly #port: LanePort;
  readonly #leaveCrowd: () => void;
  readonly #over = new AbortController();
  #phase: Phase = 'link';
  #peer: Extract<LaneMark, { mark: 'ready' }> | null = null;
  #attempted = false;
  /** Ready, and not used yet. */
  #next: LaneSender | null = null;
  #direct: LaneSender | null = null;
  readonly #unacked: Sent[] = [];
  #unackedBytes = 0;
  #ackedMessages = 0;
  #moved: Deferred<void> = deferred();
  #recovery: Promise<void> = Promise.resolve();
  #turn: Promise<void> = Promise.resolve();
  #resetReason: CausewayError | null = null;
  readonly #lostAt = deferred<number>();
  #windowBytes = 0;
  #windowFromMs: number;

  constructor(stream: Stream, port: LanePort, transfer: string) {
    super(stream);
    this.#port = port;
    this.#leaveCrowd = port.enter(transfer);
    this.#windowFromMs = port.nowMs;
    observed(this.#lostAt.promise);
    void this.#listen();
  }

  /** One after the other, so that what changes between link and connection does so between two messages. */
  send(parts: readonly Uint8Array[], onReleased?: () => void): Promise<void> {
    const sent = this.#turn.then(() => this.#send(parts, onReleased));
    this.#turn = sent.catch(() => undefined); // told to who sends that one
    return sent;
  }

  async #send(parts: readonly Uint8Array[], onReleased?: () => void): Promise<void> {
    if (this.#resetReason !== null) {
      onReleased?.();
      throw this.#resetReason;
    }
    if (this.#phase === 'direct' && this.#port.isCrowded) await this.#leave();
    if (this.#phase === 'link' && this.#next !== null && !this.#port.isCrowded) await this.#switch();
    if (this.#phase === 'direct')
      return this.#sendDirect({ parts, sizeBytes: totalBytes(parts), onReleased });
    await this.#recovery;
    this.#count(totalBytes(parts));
    return this.stream.send(parts, onReleased);
  }

  receive(): Promise<StreamMessage | null> {
    return Promise.reject(new CausewayError('CW_INTERNAL', 'a lane carries messages one way'));
  }

  async end(): Promise<void> {
    await this.#turn;
    this.#over.abort(new CausewayError('CW_LINK_CLOSED', 'the lane has ended'));
    if (this.#phase === 'direct') await this.#leave();
    await this.#recovery;
    this.#next?.kill();
    this.#leaveCrowd();
    await this.stream.end();
  }

  reset(error: CausewayError): void {
    this.#resetReason ??= error;
    this.#over.abort(error);
    this.#next?.kill();
    this.#lostAt.reject(error);
    this.stream.reset(error);
    this.#leaveCrowd();
    const direct = this.#direct;
    direct?.kill();
    // the thread may still read what it was given
    if (direct === null) this.#releaseAll();
    else void direct.over.then(() => this.#releaseAll());
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaveCrowd();
    this.#next?.kill();
    this.#direct?.kill();
    await this.stream[Symbol.asyncDispose]();
  }

  async #sendDirect(sent: Sent): Promise<void> {
    const [head = new Uint8Array(0), ...rest] = sent.parts;
    const data = rest.map(shared);
    this.#unacked.push({ ...sent, parts: [head, ...data] });
    this.#unackedBytes += sent.sizeBytes;
    this.#port.sentBytes += sent.sizeBytes;
    this.#direct?.send(encodeLaneEnvelope(head), data);
    while (this.#phase === 'direct' && this.#unackedBytes > LIMITS.laneUnackedMaxBytes.value)
      await this.#moved.promise;
    await this.#recovery;
  }

  /** Looks whether the lane is fast enough to be worth a connection. */
  #count(sizeBytes: number): void {
    this.#windowBytes += sizeBytes;
    const { afterBytes, bytesPerSecond } = this.#port.worth;
    if (this.#attempted || this.#peer === null || this.#windowBytes < afterBytes) return;
    const nowMs = this.#port.nowMs;
    const rate = (this.#windowBytes / Math.max(1, nowMs - this.#windowFromMs)) * 1_000;
    this.#windowBytes = 0;
    this.#windowFromMs = nowMs;
    if (rate < bytesPerSecond || this.#port.isCrowded) return;
    this.#attempted = true;
    this.#connect(this.#peer).catch(() => undefined); // the link serves as before
  }

  async #connect({ ticket }: Extract<LaneMark, { mark: 'ready' }>): Promise<void> {
    const sender = ticket === null ? await this.#offered() : await this.#dialled(ticket);
    if (sender === null) return;
    await sender.ready;
    if (this.#over.signal.aborted) sender.kill();
    else this.#next = sender;
  }

  async #dialled(ticket: LaneTicket): Promise<LaneSender | null> {
    if (!this.#port.dials) return null;
    return this.#port.sender(await this.#port.connect(ticket, this.#over.signal), ticket);
  }

  async #offered(): Promise<LaneSender | null> {
    const issued = this.#port.issue();
    if (issued === null) return null;
    const { ticket, arrived, withdraw } = issued;
    const { signal } = this.#over;
    signal.addEventListener('abort', withdraw, { once: true });
    await this.stream.send([encodeLaneMark({ mark: 'offer', ticket })]);
    const conn: Conn = await arrived;
    signal.removeEventListener('abort', withdraw);
    return this.#port.sender(conn, ticket);
  }

  async #switch(): Promise<void> {
    const sender = this.#next as LaneSender;
    this.#next = null;
    this.#direct = sender;
    await this.stream.send([encodeLaneMark({ mark: 'switch' })]);
    this.#phase = 'direct';
    void sender.over.then((failure) => {
      if (failure !== null && this.#isOnConnection) this.#recover(true);
    });
  }

  get #isOnConnection(): boolean {
    return this.#phase === 'direct' || this.#phase === 'leaving';
  }

  /** Ends the connection in peace: what follows goes over the link, behind all that went over it. */
  async #leave(): Promise<void> {
    this.#phase = 'leaving';
    this.#direct?.end();
    while (this.#phase === 'leaving' && this.#unacked.length > 0) await this.#moved.promise;
    if (this.#phase === 'leaving') this.#phase = 'link';
    await this.#recovery;
  }

  #recover(isToldByThisSide: boolean): void {
    this.#phase = 'recovering';
    this.#direct?.kill();
    this.#wake();
    this.#recovery = observed(this.#sendAgain(isToldByThisSide));
  }

  async #sendAgain(isToldByThisSide: boolean): Promise<void> {
    await this.#direct?.over; // until then the thread may read what it was given
    if (isToldByThisSide) await this.stream.send([encodeLaneMark({ mark: 'lost' })]);
    this.#acknowledge(await this.#lostAt.promise);
    for (const { parts, sizeBytes, onReleased } of this.#unacked.splice(0)) {
      this.#unackedBytes -= sizeBytes;
      await this.stream.send(parts, onReleased);
    }
    this.#phase = 'link';
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const message = await this.stream.receive();
        if (message === null) throw new CausewayError('CW_LINK_CLOSED', 'the other side has left the lane');
        const mark = decodeLaneMark(message.bytes);
        message.release();
        if (mark !== null) this.#hear(mark);
      }
    } catch (failure) {
      this.#lostAt.reject(asCausewayError(failure));
      if (this.#isOnConnection) this.#recover(false); // which fails, with what ended the stream
    }
  }

  #hear(mark: LaneMark): void {
    if (mark.mark === 'ready') this.#peer = mark;
    else if (mark.mark === 'acknowledged') this.#acknowledge(mark.messages);
    else if (mark.mark === 'lostAt') {
      this.#lostAt.resolve(mark.messages);
      if (this.#isOnConnection) this.#recover(false);
    }
  }

  /** The other side has that many messages since the switch. */
  #acknowledge(messages: number): void {
    for (; this.#ackedMessages < messages; this.#ackedMessages += 1) {
      const sent = this.#unacked.shift();
      if (sent === undefined) break;
      this.#unackedBytes -= sent.sizeBytes;
      sent.onReleased?.();
    }
    this.#wake();
  }

  #releaseAll(): void {
    for (const { onReleased } of this.#unacked.splice(0)) onReleased?.();
    this.#unackedBytes = 0;
    this.#wake();
  }

  #wake(): void {
    this.#moved.resolve();
    this.#moved = deferred();
  }
}

/** What a thread reads lies in memory that stays in its place. */
function shared(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const copy = sharedBytes(bytes.byteLength);
  copy.set(bytes);
  return copy;
}
