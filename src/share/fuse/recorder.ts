import { LIMITS } from '../../base/limits.ts';
import type { FolderDeed, RecordSeat, ToldDeed } from '../../world/mounts.ts';
import { ERRNO } from './protocol.ts';
import { WORD } from './record_words.ts';

/** What is refused, rather than just not possible. */
const REFUSALS: ReadonlySet<number> = new Set([ERRNO.EPERM, ERRNO.EACCES, ERRNO.EROFS, ERRNO.EDQUOT]);

/**
 * Has records written of what a thread does, by another thread. Where it is strict, and after a record could not be written,
 * everything waits until its record is durable, and is refused with EIO where there is none; otherwise work goes on, up to
 * LIMITS.mountRecordsAheadMax records ahead.
 */
export class Recorder {
  readonly #isStrict: boolean;
  readonly #words: Int32Array;
  readonly #tell: (told: ToldDeed) => void;
  #asked = 0;

  constructor({ isStrict, words }: RecordSeat, tell: (told: ToldDeed) => void) {
    this.#isStrict = isStrict;
    this.#words = new Int32Array(words);
    this.#tell = tell;
  }

  /** Does it, and has it recorded: its result, or EIO where it may not be done. */
  recorded(deed: FolderDeed, work: () => number): number {
    if (!this.#isStrict && Atomics.load(this.#words, WORD.isFailing) === 0) return this.#ahead(deed, work);
    if (!this.#begins(deed)) return -ERRNO.EIO;
    const result = work();
    if (deed.action !== 'file.read') this.#tell({ kind: 'end', deed, error: Math.max(0, -result) });
    return result;
  }

  #ahead(deed: FolderDeed, work: () => number): number {
    if (!this.#hasRoom()) return -ERRNO.EIO;
    const result = work();
    if (result >= 0) this.#send({ kind: 'done', deed });
    else if (REFUSALS.has(-result)) this.#send({ kind: 'refused', deed, error: -result });
    return result;
  }

  #send(told: ToldDeed): void {
    Atomics.add(this.#words, WORD.ahead, 1);
    this.#tell(told);
  }

  #hasRoom(): boolean {
    for (;;) {
      const ahead = Atomics.load(this.#words, WORD.ahead);
      if (ahead < LIMITS.mountRecordsAheadMax.value) return true;
      if (Atomics.wait(this.#words, WORD.ahead, ahead, LIMITS.mountRecordWaitMs.value) === 'timed-out')
        return false;
    }
  }

  /** Waits for the record; false where there is none. An answer that comes too late is for nobody. */
  #begins(deed: FolderDeed): boolean {
    this.#asked += 1;
    this.#tell({ kind: 'begin', deed });
    for (;;) {
      const answered = Atomics.load(this.#words, WORD.answered);
      if (answered === this.#asked) return Atomics.load(this.#words, WORD.isRefused) === 0;
      if (Atomics.wait(this.#words, WORD.answered, answered, LIMITS.mountRecordWaitMs.value) === 'timed-out')
        return false;
    }
  }
}
