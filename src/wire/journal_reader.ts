import { concat, equalBytes } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { crc32c } from './crc32c.ts';
import {
  decodeJournalPayload,
  JOURNAL_CRC_BYTES,
  JOURNAL_HEAD_BYTES,
  JOURNAL_MAGIC,
  JOURNAL_PRELUDE_BYTES,
  JOURNAL_VERSION,
  type JournalRecord,
} from './journal_record.ts';

/** Where a journal stops being usable, and why, in words for a log. */
export interface JournalDamage {
  readonly offset: number;
  readonly reason: string;
}

/** How far a journal is good: `validBytes` is where the next record belongs. */
export interface JournalEnd {
  readonly validBytes: number;
  readonly damage: JournalDamage | null;
}

/**
 * Reads a journal in pieces of any size and keeps less than one record of it, so that a journal of millions of chunks
 * costs no memory. Stops at the first torn or damaged record: what stands behind it has no known meaning.
 * Never throws, whatever the bytes are.
 */
export class JournalReader {
  #pending: Uint8Array = new Uint8Array(0);
  #validBytes = 0;
  #damage: JournalDamage | null = null;

  /** The whole records that `piece`, the next bytes of the file, completes. They share no memory with it. */
  push(piece: Uint8Array): JournalRecord[] {
    if (this.#damage !== null) return [];
    const input = this.#pending.byteLength === 0 ? piece : concat([this.#pending, piece]);
    const records: JournalRecord[] = [];
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
  finish(): JournalEnd {
    const leftBytes = this.#pending.byteLength;
    if (this.#damage === null && this.#validBytes === 0) {
      this.#damage = {
        offset: 0,
        reason: `the journal ends after ${leftBytes} bytes of its ${JOURNAL_PRELUDE_BYTES}-byte start`,
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
    const length = Math.min(input.byteLength, JOURNAL_MAGIC.byteLength);
    if (!equalBytes(input.subarray(0, length), JOURNAL_MAGIC.subarray(0, length)))
      return this.#stop(0, 'this is no journal');
    if (input.byteLength < JOURNAL_PRELUDE_BYTES) return 0;
    const version = viewOf(input).getUint32(JOURNAL_MAGIC.byteLength, true);
    if (version !== JOURNAL_VERSION) {
      return this.#stop(0, `the journal has version ${version}, known is ${JOURNAL_VERSION}`);
    }
    return JOURNAL_PRELUDE_BYTES;
  }

  /** Bytes of the record at `at`, which is appended to `records`; 0 where more input is needed or it is damaged. */
  #record(input: Uint8Array, at: number, records: JournalRecord[]): number {
    if (input.byteLength - at < JOURNAL_HEAD_BYTES) return 0;
    const view = viewOf(input);
    const lengthBytes = view.getUint32(at, true);
    if (lengthBytes > LIMITS.journalRecordMaxBytes.value) {
      return this.#stop(this.#validBytes, `a record claims ${lengthBytes} bytes`);
    }
    const crcAt = at + JOURNAL_HEAD_BYTES + lengthBytes;
    if (input.byteLength < crcAt + JOURNAL_CRC_BYTES) return 0;
    if (crc32c(input.subarray(at, crcAt)) !== view.getUint32(crcAt, true)) {
      return this.#stop(this.#validBytes, 'the checksum of a record is wrong');
    }
    try {
      records.push(
        decodeJournalPayload(view.getUint8(at + 4), input.subarray(at + JOURNAL_HEAD_BYTES, crcAt)),
      );
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      return this.#stop(this.#validBytes, `a record with a right checksum cannot be read: ${error.message}`);
    }
    return crcAt + JOURNAL_CRC_BYTES - at;
  }

  #stop(offset: number, reason: string): 0 {
    this.#damage = { offset, reason };
    return 0;
  }
}

/** Reads a whole journal; never throws. For a journal that may be large use {@link JournalReader}. */
export function readJournal(bytes: Uint8Array): JournalEnd & { readonly records: JournalRecord[] } {
  const reader = new JournalReader();
  const records = reader.push(bytes);
  return { records, ...reader.finish() };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
