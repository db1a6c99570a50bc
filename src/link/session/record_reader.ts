import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { crc32c } from '../../wire/crc32c.ts';
import { decodeReason } from '../../wire/reason.ts';
import {
  checkPayloadCrc,
  RECORD_CRC_BYTES,
  type RecordHeader,
  readRecordHeader,
  readU64,
  recordHeaderBytes,
} from '../../wire/session_record.ts';
import type { Clock } from '../../world/clock.ts';
import type { Conn } from '../../world/net.ts';
import { CarrierLoss } from './carrier_loss.ts';
import { ReadPace } from './read_pace.ts';

/** Where reliable bytes go; `filled` counts the ones that are delivered. */
export interface ReadTarget {
  readonly into: Uint8Array;
  filled: number;
}

/** What the reader tells the session, in the order of the records. */
export interface RecordEvents {
  /** Anything arrived: the peer lives. */
  heard(nowMs: number): void;
  delivered(sizeBytes: number): void;
  acknowledgeWanted(): void;
  acknowledged(offset: number): void;
  ping(value: number): void;
  pong(value: number): void;
  closed(reason: CausewayError): void;
}

/** Headers, small records and the first bytes of large payloads pass through here; the rest goes straight to its target. */
const STAGE_BYTES = 4096;
/** A shorter piece is not worth a read of its own: the stage takes what comes after it along. */
const DIRECT_MIN_BYTES = 1024;

/** Takes session records from one carrier. After `stop` nothing is delivered any more. */
export class RecordReader {
  readonly #conn: Conn;
  readonly #withCrc: boolean;
  readonly #clock: Clock;
  readonly #events: RecordEvents;
  readonly #pace = new ReadPace();
  readonly #stage = new Uint8Array(STAGE_BYTES);
  #stageFrom = 0;
  #stageTo = 0;
  #stopped = false;
  #receivedBytes = 0;
  /** Undelivered bytes of the current data record. */
  #dataLeft = 0;
  #acknowledgeAfter = false;
  /** With CRC: the current data record, checked, where it did not fit into its target. */
  #checked: Uint8Array | null = null;
  #bounce = new Uint8Array(0);

  constructor(conn: Conn, withCrc: boolean, clock: Clock, events: RecordEvents) {
    this.#conn = conn;
    this.#withCrc = withCrc;
    this.#clock = clock;
    this.#events = events;
  }

  /** Bytes taken from the carrier. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  stop(): void {
    this.#stopped = true;
  }

  /**
   * Delivers until `target.filled` is at least `minBytes`. Throws {@link CarrierLoss} when the carrier ended, failed or was
   * stopped, CW_WIRE_CRC for damaged bytes, other CW_WIRE_* for a peer that breaks the protocol.
   */
  async fill(target: ReadTarget, minBytes: number): Promise<void> {
    while (target.filled < minBytes) {
      if (this.#dataLeft === 0) await this.#nextData(target);
      else if (this.#checked !== null) this.#deliverChecked(target);
      else await this.#deliverDirect(target);
    }
  }

  /** Discards reliable bytes until the peer closes the session or the carrier ends; always throws in the end, as `fill` does. */
  async drain(): Promise<never> {
    for (;;) await this.fill({ into: new Uint8Array(STAGE_BYTES), filled: 0 }, 1);
  }

  /** Handles records up to the next data record. */
  async #nextData(target: ReadTarget): Promise<void> {
    const headerBytes = recordHeaderBytes(this.#withCrc);
    for (;;) {
      if (this.#stageTo - this.#stageFrom < headerBytes) await this.#stageAtLeast(headerBytes);
      this.#assertRunning();
      const header = readRecordHeader(this.#stage, this.#stageFrom, this.#withCrc);
      this.#stageFrom += headerBytes;
      if (header.type === 'data') {
        this.#acknowledgeAfter = header.acknowledge;
        if (this.#withCrc) await this.#checkedData(header.lengthBytes, target);
        else this.#dataLeft = header.lengthBytes;
        return;
      }
      await this.#control(header);
      this.#assertRunning();
    }
  }

  async #control(header: RecordHeader): Promise<void> {
    const payloadBytes = header.lengthBytes + (this.#withCrc ? RECORD_CRC_BYTES : 0);
    if (this.#stageTo - this.#stageFrom < payloadBytes) await this.#stageAtLeast(payloadBytes);
    this.#assertRunning();
    const payloadEnd = this.#stageFrom + header.lengthBytes;
    const payload = this.#stage.subarray(this.#stageFrom, payloadEnd);
    if (this.#withCrc) checkPayloadCrc(crc32c(payload), this.#stage, payloadEnd);
    this.#stageFrom += payloadBytes;
    if (header.type === 'ack') this.#events.acknowledged(readU64(payload, 0));
    else if (header.type === 'ping') this.#events.ping(readU64(payload, 0));
    else if (header.type === 'pong') this.#events.pong(readU64(payload, 0));
    else {
      this.#stopped = true;
      this.#events.closed(decodeReason(payload, 'CW_LINK_CLOSED'));
    }
  }

  async #deliverDirect(target: ReadTarget): Promise<void> {
    const room = Math.min(this.#dataLeft, target.into.byteLength - target.filled);
    const view = target.into.subarray(target.filled, target.filled + room);
    this.#deliver(target, await this.#some(view));
  }

  /** At least one byte of what comes next, from the stage or from the carrier. */
  async #some(view: Uint8Array): Promise<number> {
    const staged = this.#fromStage(view);
    if (staged > 0) return staged;
    if (view.byteLength >= DIRECT_MIN_BYTES) return this.#fromConn(view, 1);
    await this.#stageAtLeast(1);
    return this.#fromStage(view);
  }

  /** With CRC: reads a whole data record, into the target where it fits, and delivers it only when its CRC matches. */
  async #checkedData(lengthBytes: number, target: ReadTarget): Promise<void> {
    const direct = lengthBytes <= target.into.byteLength - target.filled;
    if (!direct && this.#bounce.byteLength < lengthBytes) this.#bounce = new Uint8Array(lengthBytes);
    const payload = direct
      ? target.into.subarray(target.filled, target.filled + lengthBytes)
      : this.#bounce.subarray(0, lengthBytes);
    let count = 0;
    while (count < lengthBytes) count += await this.#some(count === 0 ? payload : payload.subarray(count));
    if (this.#stageTo - this.#stageFrom < RECORD_CRC_BYTES) await this.#stageAtLeast(RECORD_CRC_BYTES);
    checkPayloadCrc(crc32c(payload), this.#stage, this.#stageFrom);
    this.#stageFrom += RECORD_CRC_BYTES;
    this.#dataLeft = lengthBytes;
    if (direct) this.#deliver(target, lengthBytes);
    else this.#checked = payload;
  }

  #deliverChecked(target: ReadTarget): void {
    const checked = this.#checked as Uint8Array;
    const count = Math.min(checked.byteLength, target.into.byteLength - target.filled);
    target.into.set(count === checked.byteLength ? checked : checked.subarray(0, count), target.filled);
    this.#checked = count === checked.byteLength ? null : checked.subarray(count);
    this.#deliver(target, count);
  }

  #deliver(target: ReadTarget, count: number): void {
    this.#assertRunning();
    target.filled += count;
    this.#dataLeft -= count;
    this.#events.delivered(count);
    if (this.#dataLeft === 0 && this.#acknowledgeAfter) this.#events.acknowledgeWanted();
  }

  /** Moves what the stage has of it into `view`; returns the count. */
  #fromStage(view: Uint8Array): number {
    const count = Math.min(view.byteLength, this.#stageTo - this.#stageFrom);
    if (count === 0) return 0;
    view.set(this.#stage.subarray(this.#stageFrom, this.#stageFrom + count));
    this.#stageFrom += count;
    return count;
  }

  async #stageAtLeast(sizeBytes: number): Promise<void> {
    this.#stage.copyWithin(0, this.#stageFrom, this.#stageTo);
    this.#stageTo -= this.#stageFrom;
    this.#stageFrom = 0;
    while (this.#stageTo < sizeBytes) {
      const view = this.#stage.subarray(this.#stageTo);
      this.#stageTo += await this.#fromConn(view, sizeBytes - this.#stageTo);
    }
  }

  /** At least one byte; waits for more (up to `view`) only as far as a carrier of this pace has it soon. */
  async #fromConn(view: Uint8Array, minBytes: number): Promise<number> {
    const startedMs = this.#clock.monotonicMs();
    const direct = view.byteLength > STAGE_BYTES;
    const wanted = direct ? Math.min(view.byteLength, this.#pace.minBytes) : minBytes;
    let count: number;
    try {
      count = await this.#conn.read(view, wanted);
    } catch (thrown) {
      throw new CarrierLoss(asCausewayError(thrown));
    }
    if (count < wanted)
      throw new CarrierLoss(new CausewayError('CW_LINK_CLOSED', 'the carrier of the link ended'));
    const nowMs = this.#clock.monotonicMs();
    if (direct) this.#pace.took(nowMs - startedMs);
    this.#receivedBytes += count;
    this.#events.heard(nowMs);
    return count;
  }

  /** Between the arrival of bytes and what follows from them the carrier may have been given up: checked in the same turn as each effect. */
  #assertRunning(): void {
    if (this.#stopped) throw new CarrierLoss(new CausewayError('CW_LINK_CLOSED', 'the carrier was given up'));
  }
}
