import { concat, equalBytes } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { crc32c } from './crc32c.ts';
import { RECORD_CRC_BYTES, RECORD_HEAD_BYTES, RECORD_PRELUDE_BYTES } from './record_frame.ts';

/** Where such a file stops being usable, and why, in words for a log. */
export interface RecordDamage {
  readonly offset: number;
  readonly reason: string;
}

/** How far it is good: `validBytes` is where the next record belongs. */
export interface RecordsEnd {
  readonly validBytes: number;
  readonly damage: RecordDamage | null;
}

/** What tells one kind of such files from another. */
export interface RecordFormat<R> {
  /** How it is called in messages. */
  readonly what: string;
  readonly magic: Uint8Array;
  readonly version: number;
  readonly recordMaxBytes: number;
  /** A record whose checksum was right; throws CW_WIRE_*. */
  decode(type: number, payload: Uint8Array): R;
}

/**
 * Reads such a file in pieces of any size and keeps less than one record of it, so that a journal of millions of chunks
 * costs no memory. Stops at the first torn or damaged record: what stands behind it has no known meaning.
 * Never throws, whatever the bytes are.
 */
export class RecordReader<R> {
  readonly #format: RecordFormat<R>;
  #pending: Uint8Array = new Uint8Array(0);
  #validBytes = 0;
  #damage: RecordDamage | null = null;

  constructor(format: RecordFormat<R>) {
    this.#format = format;
  }

  /** The whole records that `piece`, the next bytes of the file, completes. They share no memory with it. */
  push(piece: Uint8Array): R[] {
    if (this.#damage !== null) return [];
    const input = this.#pending.byteLength === 0 ? piece : concat([this.#pending, piece]);
    const records: R[] = [];
    let at = 0;
    for (;;) {
      const used = this.#validBytes === 0 ? this.#prelude(input) : this.#record(input, at, records);
      if (used === 0) break;
      at += used;
      this.#validBytes += used;
    }
    // a copy also where the piece is a Buffer, whose slice() is none
    this.#pending = new Uint8Array(input.subarray(this.#damage === null ? at : input.byteLength));
    return records;
  }

  /** To be called after the last piece: bytes that are left over are a torn record. */
  finish(): RecordsEnd {
    const leftBytes = this.#pending.byteLength;
    if (this.#damage === null && this.#validBytes === 0) {
      this.#damage = {
        offset: 0,
        reason: `the ${this.#format.what} ends after ${leftBytes} bytes of its ${RECORD_PRELUDE_BYTES}-byte start`,
      };
    } else if (this.#damage === null && leftBytes > 0) {
      this.#damage = {
        offset: this.#validBytes,
        reason: `the last record is torn: ${leftBytes} bytes of it are there`,
      };
    }
    return { validBytes: this.#validBytes, damage: this.#damage };
  }

  /** Bytes of the checked prelude; 0 where more input is needed or it is damaged. */
  #prelude(input: Uint8Array): number {
    const { magic, version: known, what } = this.#format;
    const length = Math.min(input.byteLength, magic.byteLength);
    if (!equalBytes(input.subarray(0, length), magic.subarray(0, length)))
      return this.#stop(0, `this is no ${what}`);
    if (input.byteLength < RECORD_PRELUDE_BYTES) return 0;
    const version = viewOf(input).getUint32(magic.byteLength, true);
    if (version !== known) return this.#stop(0, `the ${what} has version ${version}, known is ${known}`);
    return RECORD_PRELUDE_BYTES;
  }

  /** Bytes of the record at `at`, which is appended to `records`; 0 where more input is needed or it is damaged. */
  #record(input: Uint8Array, at: number, records: R[]): number {
    if (input.byteLength - at < RECORD_HEAD_BYTES) return 0;
    const view = viewOf(input);
    const lengthBytes = view.getUint32(at, true);
    if (lengthBytes > this.#format.recordMaxBytes) {
      return this.#stop(this.#validBytes, `a record claims ${lengthBytes} bytes`);
    }
    const crcAt = at + RECORD_HEAD_BYTES + lengthBytes;
    if (input.byteLength < crcAt + RECORD_CRC_BYTES) return 0;
    if (crc32c(input.subarray(at, crcAt)) !== view.getUint32(crcAt, true)) {
      return this.#stop(this.#validBytes, 'the checksum of a record is wrong');
    }
    try {
      records.push(this.#format.decode(view.getUint8(at + 4), input.subarray(at + RECORD_HEAD_BYTES, crcAt)));
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      return this.#stop(this.#validBytes, `a record with a right checksum cannot be read: ${error.message}`);
    }
    return crcAt + RECORD_CRC_BYTES - at;
  }

  #stop(offset: number, reason: string): 0 {
    this.#damage = { offset, reason };
    return 0;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
