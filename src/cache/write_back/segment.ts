import { crc32c } from '../../wire/crc32c.ts';
import { RECORD_CRC_BYTES, RECORD_HEAD_BYTES } from '../../wire/record_frame.ts';
import { RecordReader, type RecordsEnd } from '../../wire/record_reader.ts';
import type { DiskFile } from '../../world/disk.ts';
import { readAll, writeAll } from '../store/index_log.ts';
import { type OpenedRecord, RecordSeal } from './journal_records.ts';
import type { RecordPlace } from './layer.ts';

/** One file of a journal. It is written to by one at a time. */
export class Segment {
  readonly number: number;
  readonly #file: DiskFile;
  readonly #seal: RecordSeal;
  #sizeBytes = 0;
  #records = 0;
  #readers = 0;
  #isLeft = false;

  constructor(number: number, file: DiskFile, seal: RecordSeal) {
    this.number = number;
    this.#file = file;
    this.#seal = seal;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Writes what each segment begins with. CW_DISK_*. */
  async begin(): Promise<void> {
    const prelude = RecordSeal.prelude();
    await writeAll(this.#file, prelude, 0);
    this.#sizeBytes = prelude.byteLength;
  }

  /** After a failure nothing was appended: the next record takes the place. CW_DISK_*. */
  async append(head: unknown, data: Uint8Array): Promise<RecordPlace> {
    const frame = this.#seal.seal(this.number, this.#records, head, data);
    const place = {
      segment: this.number,
      at: this.#sizeBytes,
      frameBytes: frame.byteLength,
      index: this.#records,
    };
    await writeAll(this.#file, frame, this.#sizeBytes);
    this.#sizeBytes += frame.byteLength;
    this.#records += 1;
    return place;
  }

  /** CW_DISK_*. */
  sync(): Promise<void> {
    return this.#file.datasync();
  }

  /** Tells of each record up to the first one that is torn or damaged. CW_DISK_*. */
  async scan(
    pieceBytes: number,
    each: (head: unknown, place: RecordPlace) => void,
  ): Promise<RecordsEnd & { readonly sizeBytes: number }> {
    const reader = new RecordReader(this.#seal.format(this.number));
    const piece = new Uint8Array(pieceBytes);
    let at = 0;
    for (;;) {
      const count = await this.#file.read(piece, at);
      if (count === 0) break;
      at += count;
      for (const { head, ...place } of reader.push(piece.subarray(0, count)))
        each(head, { segment: this.number, ...place });
    }
    const end = reader.finish();
    this.#sizeBytes = at;
    return { ...end, sizeBytes: at };
  }

  /** Null where that is not what lies there. CW_DISK_*. */
  async read({ at, frameBytes, index }: RecordPlace): Promise<OpenedRecord | null> {
    this.#readers += 1;
    try {
      const frame = await readAll(this.#file, at, frameBytes);
      if (frame === null) return null;
      const crcAt = frameBytes - RECORD_CRC_BYTES;
      const stored = new DataView(frame.buffer).getUint32(crcAt, true);
      if (crc32c(frame.subarray(0, crcAt)) !== stored) return null;
      return this.#seal.open(this.number, index, frame.subarray(RECORD_HEAD_BYTES, crcAt));
    } finally {
      this.#readers -= 1;
      if (this.#isLeft && this.#readers === 0) await this.#file.close();
    }
  }

  /** Closes it, once nobody reads it any more. */
  async close(): Promise<void> {
    this.#isLeft = true;
    if (this.#readers === 0) await this.#file.close();
  }
}
