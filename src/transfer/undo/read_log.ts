import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { crc32c } from '../../wire/crc32c.ts';
import { RECORD_CRC_BYTES, RECORD_HEAD_BYTES, RECORD_PRELUDE_BYTES } from '../../wire/record_frame.ts';
import { type RecordFormat, RecordReader } from '../../wire/record_reader.ts';
import { decodeUndoPayload, UNDO_MAGIC, UNDO_VERSION, type UndoRecord } from '../../wire/undo_record.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';
import { readFully } from '../file_io.ts';
import { logName } from './store.ts';

/** Where a record lies in its file. */
interface Place {
  readonly offset: number;
  readonly payloadBytes: number;
  readonly type: number;
}

/** One attempt's record, of which only the places of its records are in memory. */
export class UndoLog implements AsyncDisposable {
  readonly attempt: number;
  /** In words, where it stops being readable; null where it is whole. */
  readonly damage: string | null;
  /** When it was last written, in ns since 1970 UTC. */
  readonly writtenNs: bigint;
  readonly chunkBytes: number;
  readonly #file: DiskFile;
  readonly #places: readonly Place[];

  private constructor(
    file: DiskFile,
    parts: Pick<UndoLog, 'attempt' | 'damage' | 'writtenNs' | 'chunkBytes'> & { places: readonly Place[] },
  ) {
    this.#file = file;
    this.attempt = parts.attempt;
    this.damage = parts.damage;
    this.writtenNs = parts.writtenNs;
    this.chunkBytes = parts.chunkBytes;
    this.#places = parts.places;
  }

  /** Opens a record and checks it to its end, or to where it is damaged. Bytes that come differently the next time are read again. */
  static async open(store: Dir, attempt: number): Promise<UndoLog> {
    let log = await UndoLog.#openOnce(store, attempt);
    for (let tries = 1; log.damage !== null && tries < LIMITS.chunkRetriesMax.value; tries += 1) {
      const again = await UndoLog.#openOnce(store, attempt);
      const [longer, other] = again.#places.length > log.#places.length ? [again, log] : [log, again];
      await other.#file.close();
      log = longer;
    }
    return log;
  }

  static async #openOnce(store: Dir, attempt: number): Promise<UndoLog> {
    const file = await store.openFile(logName(attempt), 'read');
    try {
      const places: Place[] = [];
      let offset = RECORD_PRELUDE_BYTES;
      let chunkBytes: number = LIMITS.chunkDefaultBytes.value;
      const format: RecordFormat<void> = {
        what: 'record of an undo',
        magic: UNDO_MAGIC,
        version: UNDO_VERSION,
        recordMaxBytes: LIMITS.undoRecordMaxBytes.value,
        decode: (type, payload) => {
          const record = decodeUndoPayload(type, payload);
          if (record.type === 'header') chunkBytes = record.chunkBytes;
          places.push({ offset, payloadBytes: payload.byteLength, type });
          offset += RECORD_HEAD_BYTES + payload.byteLength + RECORD_CRC_BYTES;
        },
      };
      const reader = new RecordReader<void>(format);
      const piece = new Uint8Array(LIMITS.journalReadBytes.value);
      for (let at = 0; ; ) {
        const count = await readFully(file, piece, at);
        if (count === 0) break;
        reader.push(piece.subarray(0, count));
        at += count;
      }
      const { damage } = reader.finish();
      const { mtimeNs: writtenNs } = await file.stat();
      return new UndoLog(file, {
        attempt,
        damage: damage === null ? null : damage.reason,
        writtenNs,
        chunkBytes,
        places,
      });
    } catch (failure) {
      await file.close();
      throw failure;
    }
  }

  /** The records, the last one first. */
  async *backwards(): AsyncGenerator<UndoRecord> {
    for (let at = this.#places.length - 1; at >= 0; at -= 1) yield this.#read(this.#places[at]!);
  }

  /** The records in their order. */
  async *forwards(): AsyncGenerator<UndoRecord> {
    for (const place of this.#places) yield this.#read(place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #read({ offset, payloadBytes, type }: Place): Promise<UndoRecord> {
    const record = new Uint8Array(RECORD_HEAD_BYTES + payloadBytes + RECORD_CRC_BYTES);
    const crcAt = record.byteLength - RECORD_CRC_BYTES;
    for (let tries = 0; tries < LIMITS.chunkRetriesMax.value; tries += 1) {
      await readFully(this.#file, record, offset);
      const crc = new DataView(record.buffer).getUint32(crcAt, true);
      if (crc32c(record.subarray(0, crcAt)) === crc)
        return decodeUndoPayload(type, record.slice(RECORD_HEAD_BYTES, crcAt));
    }
    throw new CausewayError('CW_DISK_IO', 'a record of the undo cannot be read any more');
  }
}
