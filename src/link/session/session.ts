import { assert } from '../../base/assert.ts';
import { totalBytes } from '../../base/bytes.ts';
import { type Deferred, deferred, observed } from '../../base/deferred.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Integrity } from '../../wire/hello.ts';
import { encodeReason } from '../../wire/reason.ts';
import { encodeRecord } from '../../wire/session_record.ts';
import type { Clock } from '../../world/clock.ts';
import type { Conn, LineFigures, PeerInfo } from '../../world/net.ts';
import { AttachedCarrier } from './attached_carrier.ts';
import { CarrierLoss } from './carrier_loss.ts';
import { LineWindow } from './line_window.ts';
import { PingPong } from './ping_pong.ts';
import { RateMeter } from './rate_meter.ts';
import type { ReadTarget } from './record_reader.ts';
import { ReplayBuffer } from './replay_buffer.ts';
import { SendWindow } from './send_window.ts';

export type { Integrity } from '../../wire/hello.ts';

export interface SessionOptions {
  /** 16 bytes, chosen by the side that starts the session. */
  readonly id: Uint8Array;
  readonly clock: Clock;
}

export interface SessionStats {
  /** Bytes given to carriers, framing and repeats included. */
  readonly sentBytes: number;
  /** Of these, reliable payload bytes sent again after a cut. */
  readonly resentBytes: number;
  /** Bytes taken from carriers, framing included. */
  readonly receivedBytes: number;
  /** How long this thread was held up by writes to carriers: encryption and the copy into the kernel. */
  readonly sendMs: number;
  /** Reliable bytes sent and not acknowledged by the peer's session, and how many may be. */
  readonly inFlightBytes: number;
  readonly windowBytes: number;
  /** Figures of the transport below the carrier; null where it tells none. */
  readonly line: LineFigures | null;
  readonly roundTripMs: number | null;
  /** For how long the ping under way has had no answer; 0 where none is. */
  readonly unansweredMs: number;
  /** Carriers attached after the first one. */
  readonly reconnects: number;
  /** Carriers given up because a CRC did not match. */
  readonly damagedRecords: number;
  readonly connected: boolean;
  /** Who is at the other end of the current, else of the last carrier. */
  readonly peer: PeerInfo;
}

interface PendingWrite {
  /** Offset behind its last byte in the stream of reliable bytes. */
  readonly endsAt: number;
  readonly handed: Deferred<void>;
}

const NO_PEER: PeerInfo = {
  description: 'not connected yet',
  fingerprint: null,
  tlsGroup: null,
  tlsCipher: null,
};

/**
 * A reliable byte pipe in both directions that outlives its carriers. Bytes count once the peer has delivered them to
 * its reader; after a cut each side sends again, from exactly the byte that the other one told in its hello.
 */
export class Session {
  readonly id: Uint8Array;
  /** Resolves with the reason when the session is closed for good, by either side; never rejects. */
  readonly closed: Promise<CausewayError>;
  readonly #clock: Clock;
  readonly #replay = new ReplayBuffer();
  readonly #window = new SendWindow();
  readonly #line = new LineWindow();
  readonly #rate = new RateMeter();
  readonly #pings: PingPong;
  readonly #closed = deferred<CausewayError>();
  readonly #listeners: ((error: CausewayError) => void)[] = [];
  readonly #writes: PendingWrite[] = [];
  #carrier: AttachedCarrier | null = null;
  /** Resolves when all carriers so far that were dropped are closed. */
  #dropped: Promise<void> = Promise.resolve();
  #carrierWaiter: Deferred<void> | null = null;
  #reading: Promise<void> | null = null;
  #peer = NO_PEER;
  #attachedCount = 0;
  #damagedRecords = 0;
  #sendMs = 0;
  #goneSentBytes = 0;
  #goneReceivedBytes = 0;
  #resentBytes = 0;
  #received = 0;
  /** What the peer was told last of `#received`. */
  #acknowledgedToPeer = 0;
  #acknowledgeDue = false;
  /** Highest offset that was ever given to a carrier. */
  #highestSentAt = 0;
  /** Highest offset whose write to a carrier has ended. */
  #handedAt = 0;
  /** Reliable bytes sent since the peer was asked for an acknowledgement. */
  #sentUnasked = 0;
  #closeError: CausewayError | null = null;
  #closing: Promise<void> | null = null;
  /** The close record waits to be written. */
  #farewellDue = false;
  #sharedUntilMs = 0;

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.#clock = options.clock;
    this.closed = this.#closed.promise;
    this.#pings = new PingPong(options.clock, () => this.#kick());
  }

  /** Reliable bytes received so far: goes into the hello. Call `detach()` before you tell it to a peer: it stands still while no carrier is attached. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** True between `attach` and the loss of the carrier. */
  get attached(): boolean {
    return this.#carrier !== null;
  }

  /** Measured rate of acknowledged bytes on the current carrier; null before the first measurement. */
  get bytesPerMs(): number | null {
    return this.#rate.bytesPerMs;
  }

  /** Reliable bytes sent and not acknowledged; at most the window. */
  get inFlightBytes(): number {
    return this.#replay.sentAt - this.#replay.acknowledgedAt;
  }

  /** How many may be, at most: on a line that several share no more than it needs, so that they queue here. */
  get windowBytes(): number {
    const shared = this.#clock.monotonicMs() < this.#sharedUntilMs;
    return shared ? Math.min(this.#window.sizeBytes, this.#line.sizeBytes) : this.#window.sizeBytes;
  }

  /** What is written belongs to several that share the line, or is urgent: little may be on its way for a while. */
  share(): void {
    this.#sharedUntilMs = this.#clock.monotonicMs() + LIMITS.lineSharedMs.value;
  }

  /**
   * Uses `conn` from now on (owns it) and sends again what the peer does not have. Replaces (and closes) a current
   * carrier without telling the listeners. Throws CW_LINK_SESSION_LOST when `peerReceivedBytes` is outside of what is
   * still kept, and the session's own error when it is closed; `conn` stays the caller's in both cases.
   */
  attach(conn: Conn, peerReceivedBytes: number, integrity: Integrity): void {
    if (this.#closeError) throw this.#closeError;
    const kept = peerReceivedBytes >= this.#replay.acknowledgedAt && peerReceivedBytes <= this.#highestSentAt;
    if (!Number.isSafeInteger(peerReceivedBytes) || !kept) {
      const range = `${this.#replay.acknowledgedAt} to ${this.#highestSentAt}`;
      const text = `the peer has ${peerReceivedBytes} bytes of the session, this side keeps ${range}`;
      throw new CausewayError('CW_LINK_SESSION_LOST', text);
    }
    this.detach();
    this.#replay.acknowledge(peerReceivedBytes);
    this.#replay.rewind();
    this.#settleWrites();
    this.#acknowledgedToPeer = this.#received;
    this.#acknowledgeDue = false;
    this.#sentUnasked = 0;
    this.#rate.reset();
    this.#line.reset();
    this.#pings.renew();
    const carrier = new AttachedCarrier(conn, integrity, this.#clock, (own) => this.#eventsOf(own));
    this.#carrier = carrier;
    this.#attachedCount += 1;
    this.#peer = conn.peer;
    void carrier.heartbeat.run(carrier.signal);
    this.#carrierWaiter?.resolve();
    this.#carrierWaiter = null;
    this.#kick();
  }

  /** Gives the current carrier up (closes it); does not call the listeners. Nothing happens when there is none. */
  detach(): void {
    if (this.#carrier !== null && this.#closeError === null) this.#drop(this.#carrier);
  }

  /** Carrier lost (not: detached by `detach`, replaced, closed); the session lives. Called in a microtask of its own. */
  onDetached(listener: (error: CausewayError) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * At least `minBytes` into `into`; waits through cuts; rejects with the close error. One read at a time. Somebody must
   * keep reading: acknowledgements arrive this way. `into` is not touched any more once this has settled.
   */
  async read(into: Uint8Array, minBytes: number): Promise<number> {
    assert(this.#reading === null, 'one read of a session at a time');
    const target: ReadTarget = { into, filled: 0 };
    while (target.filled < minBytes) {
      if (this.#closeError) throw this.#closeError;
      const carrier = this.#carrier;
      if (carrier === null) {
        this.#carrierWaiter ??= deferred();
        await this.#carrierWaiter.promise;
        continue;
      }
      this.#reading = carrier.reader.fill(target, minBytes);
      try {
        await this.#reading;
      } catch (thrown) {
        this.#onReadFailure(carrier, thrown);
      } finally {
        this.#reading = null;
      }
    }
    return target.filled;
  }

  /**
   * Resolves when all parts are handed to a carrier under the window; rejects with the close error. `onReleased` is
   * called exactly once, when the peer has the bytes or the session is closed; until then the arrays must not change.
   */
  write(parts: readonly Uint8Array[], onReleased?: () => void): Promise<void> {
    if (this.#closeError) {
      onReleased?.();
      return observed(Promise.reject(this.#closeError));
    }
    this.#replay.push(parts, onReleased);
    if (totalBytes(parts) === 0) return Promise.resolve();
    const handed = deferred<void>();
    this.#writes.push({ endsAt: this.#replay.queuedAt, handed });
    this.#kick();
    return observed(handed.promise);
  }

  /** The round trip of a ping in ms; waits through cuts, rejects with the close error. */
  ping(): Promise<number> {
    if (this.#closeError) return observed(Promise.reject(this.#closeError));
    return this.#pings.ping();
  }

  /** Ends the session for good, after what is handed to the carrier. Tells the peer if that works within sessionCloseGraceMs. Idempotent. */
  close(error: CausewayError): Promise<void> {
    return this.#close(error, true);
  }

  get stats(): SessionStats {
    const carrier = this.#carrier;
    return {
      sentBytes: this.#goneSentBytes + (carrier?.sentBytes ?? 0),
      resentBytes: this.#resentBytes,
      receivedBytes: this.#goneReceivedBytes + (carrier?.reader.receivedBytes ?? 0),
      sendMs: this.#sendMs,
      inFlightBytes: this.inFlightBytes,
      windowBytes: this.windowBytes,
      line: carrier?.conn.line?.() ?? null,
      roundTripMs: this.#pings.roundTripMs,
      unansweredMs: this.#pings.unansweredMs,
      reconnects: Math.max(this.#attachedCount - 1, 0),
      damagedRecords: this.#damagedRecords,
      connected: carrier !== null,
      peer: this.#peer,
    };
  }

  #eventsOf(carrier: AttachedCarrier) {
    return {
      heard: (nowMs: number) => carrier.heartbeat.heard(nowMs),
      delivered: (sizeBytes: number) => this.#onDelivered(carrier, sizeBytes),
      acknowledgeWanted: () => {
        this.#acknowledgeDue = true;
        this.#kick();
      },
      acknowledged: (offset: number) => this.#onAcknowledged(offset),
      ping: (value: number) => this.#pings.answer(value),
      pong: (value: number) => this.#pings.arrived(value),
      closed: (reason: CausewayError) => void this.#close(reason, false),
      beat: () => this.#pings.request(),
      dead: (error: CausewayError) => this.#lose(carrier, error),
    };
  }

  #onDelivered(carrier: AttachedCarrier, sizeBytes: number): void {
    this.#received += sizeBytes;
    if (carrier.acknowledgeArmed) return;
    carrier.acknowledgeArmed = true;
    void this.#acknowledgeLater(carrier);
  }

  async #acknowledgeLater(carrier: AttachedCarrier): Promise<void> {
    try {
      await this.#clock.sleep(LIMITS.sessionAckDelayMs.value, carrier.signal);
    } catch {
      return; // the only failure of a sleep is the abort: the carrier is gone, the next hello tells the count
    }
    carrier.acknowledgeArmed = false;
    if (this.#received === this.#acknowledgedToPeer) return;
    this.#acknowledgeDue = true;
    this.#kick();
  }

  #onAcknowledged(offset: number): void {
    if (offset < this.#replay.acknowledgedAt || offset > this.#replay.sentAt) {
      const range = `${this.#replay.acknowledgedAt} to ${this.#replay.sentAt}`;
      throw new CausewayError('CW_WIRE_MALFORMED', `an acknowledgement of ${offset}, outside of ${range}`);
    }
    const sizeBytes = offset - this.#replay.acknowledgedAt;
    this.#window.acknowledged(sizeBytes);
    const nowMs = this.#clock.monotonicMs();
    this.#rate.acknowledged(sizeBytes, nowMs);
    this.#replay.acknowledge(offset);
    this.#line.acknowledged(offset, nowMs);
    this.#settleWrites();
    this.#kick();
  }

  /** Starts the writing loop of the current carrier unless it runs. */
  #kick(): void {
    const carrier = this.#carrier;
    if (carrier === null || carrier.writing) return;
    carrier.writing = true;
    const nowMs = this.#clock.monotonicMs();
    this.#rate.busy(nowMs);
    this.#line.busy(nowMs);
    void this.#writeAll(carrier);
  }

  async #writeAll(carrier: AttachedCarrier): Promise<void> {
    while (carrier === this.#carrier) {
      const batch = this.#compose(carrier);
      if (batch.length === 0) break;
      const through = this.#replay.sentAt;
      try {
        await this.#give(carrier, batch);
      } catch (thrown) {
        this.#lose(carrier, asCausewayError(thrown));
        break;
      }
      if (carrier !== this.#carrier) break;
      carrier.sentBytes += totalBytes(batch);
      this.#handedAt = Math.max(this.#handedAt, through);
      this.#settleWrites();
    }
    carrier.writing = false;
    if (carrier === this.#carrier && this.#replay.sentAt === this.#replay.queuedAt) {
      const nowMs = this.#clock.monotonicMs();
      this.#rate.idle(nowMs);
      this.#line.idle(nowMs);
    }
  }

  #give(carrier: AttachedCarrier, batch: readonly Uint8Array[]): Promise<void> {
    const sinceMs = this.#clock.monotonicMs();
    const written = carrier.conn.write(batch);
    this.#sendMs += this.#clock.monotonicMs() - sinceMs;
    return written;
  }

  /** The parts of the next write to the carrier; none when there is nothing to say. */
  #compose(carrier: AttachedCarrier): Uint8Array[] {
    const out: Uint8Array[] = [];
    if (this.#closeError) {
      if (this.#farewellDue) out.push(encodeRecord('close', encodeReason(this.#closeError), carrier.withCrc));
      this.#farewellDue = false;
      return out;
    }
    carrier.beginBatch();
    const hasData = this.#sendableBytes() > 0;
    if (this.#acknowledgeDue || (hasData && this.#received > this.#acknowledgedToPeer)) {
      this.#acknowledgeDue = false;
      this.#acknowledgedToPeer = this.#received;
      carrier.numberRecord('ack', this.#received, out);
    }
    const pong = this.#pings.takeAnswer();
    if (pong !== null) carrier.numberRecord('pong', pong, out);
    const ping = this.#pings.takeRequest();
    if (ping !== null) carrier.numberRecord('ping', ping, out);
    if (hasData) this.#composeData(carrier, out);
    return out;
  }

  #composeData(carrier: AttachedCarrier, out: Uint8Array[]): void {
    const recordMaxBytes = carrier.withCrc
      ? this.#window.wholeRecordMaxBytes
      : LIMITS.sessionBatchMaxBytes.value;
    const { windowBytes } = this;
    let batchBytes = Math.min(this.#sendableBytes(), LIMITS.sessionBatchMaxBytes.value);
    while (batchBytes > 0) {
      const from = this.#replay.sentAt;
      const payload: Uint8Array[] = [];
      const length = this.#replay.take(Math.min(batchBytes, recordMaxBytes), payload);
      batchBytes -= length;
      this.#sentUnasked += length;
      this.#resentBytes += Math.max(0, Math.min(this.#replay.sentAt, this.#highestSentAt) - from);
      this.#highestSentAt = Math.max(this.#highestSentAt, this.#replay.sentAt);
      const full = this.inFlightBytes >= windowBytes;
      const ask = full || this.#sentUnasked >= Math.min(windowBytes / 4, LIMITS.sessionAckEveryBytes.value);
      if (ask) this.#sentUnasked = 0;
      carrier.dataRecord(payload, length, ask, out);
    }
    const { sentAt, acknowledgedAt } = this.#replay;
    this.#line.sent(sentAt, acknowledgedAt, windowBytes < this.#window.sizeBytes, this.#clock.monotonicMs());
  }

  /** Unsent bytes for which there is window. */
  #sendableBytes(): number {
    const room = this.windowBytes - this.inFlightBytes;
    return Math.max(0, Math.min(room, this.#replay.queuedAt - this.#replay.sentAt));
  }

  #settleWrites(): void {
    const through = Math.max(this.#handedAt, this.#replay.acknowledgedAt);
    while (this.#writes.length > 0 && (this.#writes[0] as PendingWrite).endsAt <= through) {
      this.#writes.shift()?.handed.resolve();
    }
  }

  #onReadFailure(carrier: AttachedCarrier, thrown: unknown): void {
    if (thrown instanceof CarrierLoss) {
      this.#lose(carrier, thrown.reason);
      return;
    }
    const error = asCausewayError(thrown);
    if (error.code !== 'CW_WIRE_CRC') {
      void this.#close(error, true);
      return;
    }
    if (carrier === this.#carrier) this.#damagedRecords += 1;
    this.#lose(carrier, error);
  }

  /** The carrier failed by itself. */
  #lose(carrier: AttachedCarrier, error: CausewayError): void {
    if (carrier !== this.#carrier) return;
    this.#drop(carrier);
    if (this.#closeError) return;
    for (const listener of this.#listeners) queueMicrotask(() => listener(error));
  }

  #drop(carrier: AttachedCarrier): void {
    this.#carrier = null;
    this.#window.cut();
    carrier.stop();
    this.#goneSentBytes += carrier.sentBytes;
    this.#goneReceivedBytes += carrier.reader.receivedBytes;
    // it is given up: what it has to say about its end changes nothing for the session
    const closed = carrier.conn.close().catch(() => undefined);
    this.#dropped = Promise.all([this.#dropped, closed]).then(() => undefined);
  }

  #close(error: CausewayError, tellPeer: boolean): Promise<void> {
    if (this.#closing) return this.#closing;
    this.#closeError = error;
    this.#closing = this.#shutDown(error, tellPeer);
    return this.#closing;
  }

  async #shutDown(error: CausewayError, tellPeer: boolean): Promise<void> {
    for (const write of this.#writes.splice(0)) write.handed.reject(error);
    this.#pings.close(error);
    this.#carrierWaiter?.resolve();
    this.#closed.resolve(error);
    const carrier = this.#carrier;
    if (carrier !== null) {
      if (tellPeer) await this.#within(LIMITS.sessionCloseGraceMs.value, carrier, this.#sayFarewell(carrier));
      if (carrier === this.#carrier) this.#drop(carrier);
    }
    await this.#dropped;
    this.#replay.releaseAll();
  }

  /**
   * Sends the close record and reads on until the peer ends the carrier: closing it at once could destroy the record on
   * its way, and a peer that writes only reads again once its write gets through.
   */
  async #sayFarewell(carrier: AttachedCarrier): Promise<void> {
    this.#farewellDue = true;
    this.#kick();
    try {
      await this.#reading;
      await carrier.reader.drain();
    } catch {
      // the expected end: the peer closed the session or the carrier, or the carrier failed; nothing is left to wait for
    }
  }

  /** Waits for `work` for at most `durationMs`, or until the carrier is gone. */
  async #within(durationMs: number, carrier: AttachedCarrier, work: Promise<void>): Promise<void> {
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, carrier.signal]);
    const limit = this.#clock.sleep(durationMs, signal).catch(() => undefined); // ends early when `work` ends first
    await Promise.race([work, limit]);
    done.abort();
  }
}
