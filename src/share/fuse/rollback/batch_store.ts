import {
  BATCH_FORMAT,
  type BatchRecord,
  batchPrelude,
  encodeBatchRecord,
} from '../../../cache/rollback/batch_records.ts';
import type { Batch } from '../../../cache/rollback/plan.ts';
import { PRIVATE_NAME } from '../../../tree/files/names.ts';
import { RecordReader } from '../../../wire/record_reader.ts';
import type { Places } from './places.ts';

export const ROLLBACK_FOLDER = 'rollback';
export const BATCH_PREFIX = 'batch-';
export const LOG_NAME = 'log';
/** Its first and its last record once more, so that who lists batches reads no logs. */
export const SUMMARY_NAME = 'summary';
const DATA_NAME = 'data';
const DIGITS = 10;

export const batchName = (number: number) => `${BATCH_PREFIX}${String(number).padStart(DIGITS, '0')}`;

export type BatchBegin = Extract<BatchRecord, { do: 'begin' }>;
export type BatchEnd = Extract<BatchRecord, { do: 'end' }>;

/** A batch with the bytes of its log that are whole. */
export interface LeftBatch {
  readonly batch: Batch;
  readonly logBytes: number;
}

/** One batch on the disk: a folder with a log, old bytes of files (`data`), and further names of files that lost theirs. */
export class BatchFolder {
  readonly number: number;
  readonly fd: number;
  readonly #places: Places;
  #logFd = -1;
  #dataFd = -1;
  #logBytes: number;
  #dataBytes = 0;
  #isUnsynced = false;

  constructor(places: Places, number: number, fd: number, logBytes: number) {
    this.#places = places;
    this.number = number;
    this.fd = fd;
    this.#logBytes = logBytes;
  }

  get dataBytes(): number {
    return this.#dataBytes;
  }

  append(record: BatchRecord): void {
    if (this.#logFd < 0) this.#openLog();
    const bytes = encodeBatchRecord(record);
    this.#places.write(this.#logFd, bytes, this.#logBytes);
    this.#logBytes += bytes.byteLength;
    this.#isUnsynced = true;
  }

  /** Flushes it, then tells that it is whole. */
  finish(begin: BatchRecord, end: BatchEnd): void {
    this.sync();
    const fd = this.#places.openOwn(this.fd, SUMMARY_NAME, 2);
    try {
      const records = [begin, { ...end, after: [] }].map(encodeBatchRecord);
      this.#places.write(fd, Buffer.concat([batchPrelude(), ...records]), 0);
      this.#places.checked(this.#places.posix.data.sync(fd, true), 'flush');
    } finally {
      this.#places.posix.data.close(fd);
    }
  }

  /** The number of the next further name that nothing has. */
  get keptNext(): number {
    const numbers = this.#places.list(this.fd).map((name) => Number(/^k([0-9]+)$/.exec(name)?.[1] ?? -1));
    return Math.max(numbers.length, ...numbers.map((one) => one + 1));
  }

  /** Keeps bytes of a file that is open for reading, as far as it has them: where they lie, and how many they are. */
  keep(fd: number, at: number, sizeBytes: number): { readonly dataAt: number; readonly sizeBytes: number } {
    const dataFd = this.#openData();
    const dataAt = this.#dataBytes;
    const count = this.#places.copy(fd, at, dataFd, dataAt, sizeBytes);
    this.#dataBytes += count;
    return { dataAt, sizeBytes: count };
  }

  /** Puts kept bytes to a file that is open for writing. */
  giveBack(fd: number, at: number, dataAt: number, sizeBytes: number): void {
    const count = this.#places.copy(this.#openData(), dataAt, fd, at, sizeBytes);
    if (count < sizeBytes) this.#places.checked(-1, 'read what was kept');
  }

  /** All of it survives a power cut from then on. */
  sync(): void {
    if (!this.#isUnsynced) return;
    const { data } = this.#places.posix;
    for (const fd of [this.#dataFd, this.#logFd])
      if (fd >= 0) this.#places.checked(data.sync(fd, true), 'flush');
    const fd = this.#places.checked(this.#places.posix.names.reopen(this.fd, 0), 'open a folder');
    this.#places.checked(data.sync(fd, false), 'flush');
    data.close(fd);
    this.#isUnsynced = false;
  }

  close(): void {
    const { data } = this.#places.posix;
    for (const fd of [this.#dataFd, this.#logFd, this.fd]) if (fd >= 0) data.close(fd);
    this.#dataFd = -1;
    this.#logFd = -1;
  }

  #openLog(): void {
    this.#logFd = this.#places.openOwn(this.fd, LOG_NAME, 2);
    if (this.#logBytes > 0) {
      // what stands behind the last whole record was torn
      this.#places.checked(
        this.#places.posix.attrs.truncate(this.#logFd, BigInt(this.#logBytes)),
        'cut the log',
      );
      return;
    }
    const prelude = batchPrelude();
    this.#places.write(this.#logFd, prelude, 0);
    this.#logBytes = prelude.byteLength;
  }

  #openData(): number {
    if (this.#dataFd >= 0) return this.#dataFd;
    this.#dataFd = this.#places.openOwn(this.fd, DATA_NAME, 2);
    this.#dataBytes = this.#places.lookAt(this.#dataFd).sizeBytes;
    return this.#dataFd;
  }
}

/** The batches of one share, in the private folder of its folder. CW_DISK_* where the disk refuses. */
export class BatchStore {
  readonly #places: Places;
  readonly #folder: readonly string[];

  constructor(places: Places, share: string) {
    this.#places = places;
    this.#folder = [PRIVATE_NAME, ROLLBACK_FOLDER, share];
  }

  /** The records of a log as far as it is whole; null where it has none: it was begun and never used. */
  read(number: number): LeftBatch | null {
    return this.#read(number, LOG_NAME);
  }

  /** Of batches that have ended, the oldest first. */
  summaries(): { readonly number: number; readonly begin: BatchBegin; readonly end: BatchEnd }[] {
    return this.numbers().flatMap((number) => {
      const [begin, end] = this.#read(number, SUMMARY_NAME)?.batch.records ?? [];
      return begin?.do === 'begin' && end?.do === 'end' ? [{ number, begin, end }] : [];
    });
  }

  numbers(): number[] {
    const fd = this.#places.openFolder(this.#folder, 2);
    if (fd === null) return [];
    try {
      return this.#places
        .list(fd)
        .filter((name) => name.startsWith(BATCH_PREFIX))
        .map((name) => Number(name.slice(BATCH_PREFIX.length)))
        .filter(Number.isSafeInteger)
        .sort((one, other) => one - other);
    } finally {
      this.#places.posix.data.close(fd);
    }
  }

  begin(number: number): BatchFolder {
    const fd = this.#places.makeFolders([...this.#folder, batchName(number)], 2);
    return new BatchFolder(this.#places, number, fd, 0);
  }

  /** Goes on with one that there is. */
  open(number: number, logBytes: number): BatchFolder | null {
    const fd = this.#places.openFolder([...this.#folder, batchName(number)], 2);
    return fd === null ? null : new BatchFolder(this.#places, number, fd, logBytes);
  }

  remove(number: number): void {
    const { posix } = this.#places;
    this.#in(number, (fd) => {
      const names = this.#places.list(fd);
      // what has lost something else has no log: then the rest is removed at the next start
      const first = [SUMMARY_NAME, LOG_NAME].filter((name) => names.includes(name));
      for (const name of new Set([...first, ...names]))
        this.#places.checked(posix.moves.unlink(fd, this.#places.name(name, 2)), 'remove what was kept');
    });
    const remove = (fd: number, name: string) =>
      this.#places.checked(posix.moves.removeDir(fd, this.#places.name(name, 2)), 'remove a batch');
    this.#places.at([...this.#folder, batchName(number)].join('/'), remove, 2);
  }

  #read(number: number, name: string): LeftBatch | null {
    const bytes = this.#in(number, (fd) => this.#places.read(fd, name, 2));
    if (!bytes) return null;
    const reader = new RecordReader(BATCH_FORMAT);
    const records = reader.push(bytes);
    return records.length === 0 ? null : { batch: { number, records }, logBytes: reader.finish().validBytes };
  }

  #in<T>(number: number, call: (fd: number) => T): T | null {
    const fd = this.#places.openFolder([...this.#folder, batchName(number)], 2);
    if (fd === null) return null;
    try {
      return call(fd);
    } finally {
      this.#places.posix.data.close(fd);
    }
  }
}
