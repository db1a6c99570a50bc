import { CausewayError, type ErrorCode } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { RelPath } from '../base/path.ts';
import { WORD, WORDS_BYTES } from '../share/fuse/record_words.ts';
import type { BegunChange, FileChange } from '../share/webdav/records.ts';
import type { Clock } from '../world/clock.ts';
import type { FolderDeed, RecordSeat, ToldDeed } from '../world/mounts.ts';
import type { FolderTrail } from './share_records.ts';

/** Of the errors that a record tells by code. */
const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [1, 'CW_DISK_PERMISSION'],
  [2, 'CW_DISK_NOT_FOUND'],
  [13, 'CW_DISK_PERMISSION'],
  [17, 'CW_DISK_EXISTS'],
  [30, 'CW_DISK_READ_ONLY'],
  [39, 'CW_DISK_NOT_EMPTY'],
  [122, 'CW_DISK_QUOTA'],
]);

export interface FolderRecordsParts {
  /** Where what a process does is recorded; asked at once, while the process is there. */
  readonly trailOf: (processId: number) => FolderTrail;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Nothing is done before its record is durable. */
  readonly isStrict: boolean;
}

interface HeldDeed {
  readonly deed: FolderDeed;
  readonly trail: FolderTrail;
}

/**
 * Writes into the audit log what one thread that serves the folder of a share does in it. What need not be durable before it is
 * done waits up to LIMITS.auditHoldMs for more, and is written together. Once some could not be written the thread waits for
 * each record, until the log takes them again; the first record then tells how many are missing.
 */
export class FolderRecords {
  readonly seat: RecordSeat;
  readonly #parts: FolderRecordsParts;
  readonly #words: Int32Array;
  #held: HeldDeed[] = [];
  #isHolding = false;
  #begun: BegunChange | null = null;
  #missing = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: FolderRecordsParts) {
    this.#parts = parts;
    const words = new SharedArrayBuffer(WORDS_BYTES);
    this.seat = { isStrict: parts.isStrict, words };
    this.#words = new Int32Array(words);
  }

  /** Takes what the thread tells. */
  take(told: ToldDeed): void {
    const { kind, deed } = told;
    if (kind === 'end') return this.#end(told.error);
    const trail = this.#parts.trailOf(deed.processId);
    if (kind === 'begin') this.#last = this.#last.then(() => this.#begin(deed, trail));
    else if (kind === 'refused') {
      trail.refused(changeOf(deed), failureOf(told.error));
      this.#left(1);
    } else this.#hold({ deed, trail });
  }

  /** The thread is gone: writes what is left. */
  async close(): Promise<void> {
    await this.#write();
    await this.#last;
  }

  /** Never throws: the thread is told. */
  async #begin(deed: FolderDeed, trail: FolderTrail): Promise<void> {
    try {
      if (this.#missing > 0) await trail.missing(this.#missing);
      this.#missing = 0;
      if (deed.action === 'file.read') await trail.read(deed.path as RelPath);
      else this.#begun = await trail.begin(changeOf(deed));
      Atomics.store(this.#words, WORD.isFailing, 0);
      Atomics.store(this.#words, WORD.isRefused, 0);
    } catch {
      Atomics.store(this.#words, WORD.isRefused, 1); // the log tells why by an alert of its own
    }
    Atomics.add(this.#words, WORD.answered, 1);
    Atomics.notify(this.#words, WORD.answered);
  }

  #end(error: number): void {
    const begun = this.#begun;
    this.#begun = null;
    if (error === 0) begun?.done({});
    else begun?.failed(failureOf(error));
  }

  #hold(held: HeldDeed): void {
    this.#held.push(held);
    if (this.#held.length >= LIMITS.auditBatchRecordsMax.value) void this.#write();
    if (this.#isHolding) return;
    this.#isHolding = true;
    void this.#parts.clock.sleep(LIMITS.auditHoldMs.value).then(() => {
      this.#isHolding = false;
      return this.#write();
    });
  }

  async #write(): Promise<void> {
    const held = this.#held.splice(0);
    const write = ({ deed, trail }: HeldDeed) =>
      deed.action === 'file.read' ? trail.read(deed.path as RelPath) : trail.note(changeOf(deed));
    const written = await Promise.allSettled(held.map(write));
    const missing = written.filter(({ status }) => status === 'rejected').length;
    this.#missing += missing;
    if (missing > 0) Atomics.store(this.#words, WORD.isFailing, 1);
    this.#left(held.length);
  }

  #left(count: number): void {
    Atomics.sub(this.#words, WORD.ahead, count);
    Atomics.notify(this.#words, WORD.ahead);
  }
}

function changeOf({ action, path, to, userId }: FolderDeed): FileChange & { readonly userId: number } {
  if (action === 'file.read') throw new CausewayError('CW_INTERNAL', 'a read is no change');
  return { action, path: path as RelPath, userId, ...(to !== undefined && { to: to as RelPath }) };
}

function failureOf(error: number): CausewayError {
  return new CausewayError(CODES.get(error) ?? 'CW_DISK_IO', `the folder has answered with error ${error}`);
}
