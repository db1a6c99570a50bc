import { concat, fromUtf8, utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { frameRecord, RECORD_CRC_BYTES, RECORD_HEAD_BYTES, recordPrelude } from '../../wire/record_frame.ts';
import type { RecordFormat } from '../../wire/record_reader.ts';
import { AEAD_NONCE_BYTES } from '../../world/cryptography.ts';
import type { JournalPorts } from './journal.ts';

export const SEGMENT_MAGIC = Uint8Array.of(0x89, 0x43, 0x57, 0x57, 0x42, 0x4a, 0x0d, 0x0a);
export const SEGMENT_VERSION = 1;
const RECORD_TYPE = 1;
const LENGTH_BYTES = 4;

/** What a record says, as JSON has it, and the bytes that it carries. */
export interface OpenedRecord {
  readonly head: unknown;
  readonly data: Uint8Array;
}

/**
 * The bytes of records: a frame with its length and CRC32C (record_frame.ts), in it a nonce and a text and data sealed with
 * AES-256-GCM. A record opens as that record of that segment of that journal, and as nothing else.
 */
export class RecordSeal {
  readonly #ports: Pick<JournalPorts, 'crypto' | 'random'>;
  readonly #key: Uint8Array;
  readonly #about: string;

  constructor(ports: Pick<JournalPorts, 'crypto' | 'random'>, key: Uint8Array, about: string) {
    this.#ports = ports;
    this.#key = key;
    this.#about = about;
  }

  static prelude(): Uint8Array {
    return recordPrelude(SEGMENT_MAGIC, SEGMENT_VERSION);
  }

  /** The frame of a record. */
  seal(segment: number, index: number, head: unknown, data: Uint8Array): Uint8Array {
    const text = utf8(JSON.stringify(head));
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, text.byteLength, true);
    const nonce = this.#ports.random.bytes(AEAD_NONCE_BYTES);
    const plain = concat([length, text, data]);
    const sealed = this.#ports.crypto.aead.seal(this.#key, nonce, plain, this.#binding(segment, index));
    return frameRecord(RECORD_TYPE, concat([nonce, sealed]), LIMITS.writeBackRecordMaxBytes.value);
  }

  /** Opens the payload of a frame whose checksum was right. CW_WIRE_MALFORMED where it is not that record. */
  open(segment: number, index: number, payload: Uint8Array): OpenedRecord {
    const [nonce, sealed] = [payload.subarray(0, AEAD_NONCE_BYTES), payload.subarray(AEAD_NONCE_BYTES)];
    const plain = this.#ports.crypto.aead.open(this.#key, nonce, sealed, this.#binding(segment, index));
    if (plain === null)
      throw new CausewayError('CW_WIRE_MALFORMED', `record ${index} of segment ${segment} is not proven`);
    const textBytes = new DataView(plain.buffer, plain.byteOffset).getUint32(0, true);
    const text = fromUtf8(plain.subarray(LENGTH_BYTES, LENGTH_BYTES + textBytes)) ?? 'null';
    return { head: JSON.parse(text), data: plain.subarray(LENGTH_BYTES + textBytes) }; // proven to be what was written
  }

  /** For a {@link RecordReader}: `each` is told of each record with where it lies. */
  format(segment: number): RecordFormat<{ head: unknown; at: number; frameBytes: number; index: number }> {
    let at = RecordSeal.prelude().byteLength;
    let index = 0;
    return {
      what: 'segment of a write-back journal',
      magic: SEGMENT_MAGIC,
      version: SEGMENT_VERSION,
      recordMaxBytes: LIMITS.writeBackRecordMaxBytes.value,
      decode: (_type, payload) => {
        const { head } = this.open(segment, index, payload);
        const found = { head, at, frameBytes: frameBytesOf(payload), index };
        at += found.frameBytes;
        index += 1;
        return found;
      },
    };
  }

  #binding(segment: number, index: number): Uint8Array {
    return utf8(`write-back ${this.#about} ${segment} ${index}`);
  }
}

function frameBytesOf(payload: Uint8Array): number {
  return RECORD_HEAD_BYTES + payload.byteLength + RECORD_CRC_BYTES;
}
