import { crc32c } from '../../wire/crc32c.ts';
import type { Integrity } from '../../wire/hello.ts';
import {
  encodeNumberRecord,
  RECORD_CRC_BYTES,
  recordHeaderBytes,
  writeRecordHeader,
  writeU32,
} from '../../wire/session_record.ts';
import type { Clock } from '../../world/clock.ts';
import type { Conn } from '../../world/net.ts';
import { Heartbeat, type HeartbeatEvents } from './heartbeat.ts';
import { type RecordEvents, RecordReader } from './record_reader.ts';

/** Header and CRC blocks of one batch: at most 512 KiB in records of at least 16 KiB, plus the three small records. */
const SCRATCH_BYTES = 1024;

/** One carrier in use by a session: its reader, its heartbeat and the memory of its record headers. */
export class AttachedCarrier {
  readonly conn: Conn;
  readonly withCrc: boolean;
  readonly reader: RecordReader;
  readonly heartbeat: Heartbeat;
  /** True while the session's writing loop runs on this carrier. */
  writing = false;
  /** True while a delayed acknowledgement is due. */
  acknowledgeArmed = false;
  sentBytes = 0;
  readonly #abort = new AbortController();
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  #scratchAt = 0;

  constructor(
    conn: Conn,
    integrity: Integrity,
    clock: Clock,
    events: (carrier: AttachedCarrier) => RecordEvents & HeartbeatEvents,
  ) {
    this.conn = conn;
    this.withCrc = integrity === 'crc32c';
    const own = events(this);
    this.heartbeat = new Heartbeat(clock, own);
    this.reader = new RecordReader(conn, this.withCrc, clock, own);
  }

  /** Aborted when the carrier is given up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Nothing is delivered from now on, timers end. */
  stop(): void {
    this.reader.stop();
    this.#abort.abort();
  }

  /** Begins a batch: the header blocks of the batch before are free, since one write is pending at a time. */
  beginBatch(): void {
    this.#scratchAt = 0;
  }

  numberRecord(type: 'ack' | 'ping' | 'pong', value: number, out: Uint8Array[]): void {
    out.push(encodeNumberRecord(type, value, this.withCrc));
  }

  /** Wraps `payload`, `lengthBytes` in total, into one data record. */
  dataRecord(
    payload: readonly Uint8Array[],
    lengthBytes: number,
    acknowledge: boolean,
    out: Uint8Array[],
  ): void {
    const header = this.#block(recordHeaderBytes(this.withCrc));
    writeRecordHeader(header, 0, { type: 'data', acknowledge, lengthBytes }, this.withCrc);
    out.push(header);
    for (const part of payload) out.push(part);
    if (!this.withCrc) return;
    let sum = 0;
    for (const part of payload) sum = crc32c(part, sum);
    const trailer = this.#block(RECORD_CRC_BYTES);
    writeU32(trailer, 0, sum);
    out.push(trailer);
  }

  #block(sizeBytes: number): Uint8Array {
    this.#scratchAt += sizeBytes;
    return this.#scratch.subarray(this.#scratchAt - sizeBytes, this.#scratchAt);
  }
}
