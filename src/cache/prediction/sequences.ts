import type { History } from './history.ts';

const STREAMS_MAX = 1_024;
/** Places in the history that are followed for one stream: programs that run beside each other. */
const CURSORS_MAX = 4;
/** How far a read may be from where it was the time before. */
const LOOK_RECORDS = 32;
/** A block that was read more often does not tell by itself what comes next. */
const RARE_MAX = 8;
/** A place is given up after so many reads that are not near it. */
const STRAYS_MAX = 24;
/** Reads that have to come as they did the time before, until the next ones are predicted. */
const SCORE_NEEDED = 4;
const SCORE_MAX = 32;
const DEPTH_PER_SCORE = 2;
const DEPTH_MAX = 48;

/**
 * Takes a prediction, or leaves it; false where there is no room for any now. The score, up to 32, is that of the place in
 * the history: how many reads came as they did the time before, lately.
 */
export type Offer = (key: number, score: number) => boolean;

interface Cursor {
  /** The record of the last time at which the stream is now. */
  record: number;
  /** The record up to which predictions were made, and how many they are. */
  aheadRecord: number;
  ahead: number;
  score: number;
  strays: number;
}

interface Followed {
  lastRecord: number;
  /** The one that fits best first. */
  readonly cursors: Cursor[];
}

/**
 * Predicts by sequence: where the last reads of a stream came in the same order before, what came after them comes next.
 * Temporal streaming (Wenisch, Ferdman, Ailamaki, Falsafi, Moshovos: "Practical off-chip meta-data for temporal memory
 * streaming", HPCA 2009), with tolerance: reads may be missing, be new, or have changed places.
 */
export class Sequences {
  readonly #history: History;
  /** Least recently used first. */
  readonly #streams = new Map<number, Followed>();

  constructor(history: History) {
    this.#history = history;
  }

  /**
   * Notes an access of a stream. Keys that come next are offered, the nearest first, until one is put off: it is offered
   * again at the next access.
   */
  note(key: number, sizeBytes: number, stream: number, offer: Offer): void {
    const followed = this.#followedOf(stream);
    const before = followed.lastRecord;
    if (this.#history.has(before) && this.#history.keyAt(before) === key) return;
    const cursor = this.#match(followed, key);
    if (cursor !== null && cursor.score >= SCORE_NEEDED) this.#predict(cursor, offer);
    followed.lastRecord = this.#history.add(key, sizeBytes, before);
  }

  #followedOf(stream: number): Followed {
    const known = this.#streams.get(stream);
    const followed = known ?? { lastRecord: -1, cursors: [] };
    if (known !== undefined) this.#streams.delete(stream);
    else if (this.#streams.size >= STREAMS_MAX) this.#streams.delete(this.#streams.keys().next().value!);
    this.#streams.set(stream, followed);
    return followed;
  }

  #match({ cursors, lastRecord }: Followed, key: number): Cursor | null {
    for (const [at, cursor] of cursors.entries()) {
      if (!this.#advance(cursor, key)) continue;
      if (at > 0) [cursors[at - 1], cursors[at]] = [cursor, cursors[at - 1]!];
      return cursor;
    }
    for (let at = cursors.length - 1; at >= 0; at -= 1) {
      const cursor = cursors[at]!;
      cursor.strays += 1;
      cursor.score = Math.max(0, cursor.score - 1);
      if (cursor.strays > STRAYS_MAX) cursors.splice(at, 1);
    }
    const paired = this.#history.latestAfter(lastRecord, key);
    const record = paired >= 0 || this.#history.seen(key) > RARE_MAX ? paired : this.#history.latest(key);
    if (record < 0) return null;
    if (cursors.length >= CURSORS_MAX) cursors.pop();
    cursors.push({ record, aheadRecord: record, ahead: 0, score: paired >= 0 ? 2 : 1, strays: 0 });
    return null;
  }

  #advance(cursor: Cursor, key: number): boolean {
    let record = cursor.record;
    if (!this.#history.has(record)) return false;
    for (let step = 1; step <= LOOK_RECORDS; step += 1) {
      record = this.#history.after(record);
      if (record < 0) return false;
      if (this.#history.keyAt(record) !== key) continue;
      cursor.record = record;
      cursor.ahead -= step;
      if (cursor.ahead <= 0) {
        cursor.ahead = 0;
        cursor.aheadRecord = record;
      }
      cursor.score = Math.min(SCORE_MAX, cursor.score + 1);
      cursor.strays = 0;
      return true;
    }
    return false;
  }

  #predict(cursor: Cursor, offer: Offer): void {
    const depth = Math.min(DEPTH_MAX, cursor.score * DEPTH_PER_SCORE);
    while (cursor.ahead < depth && this.#history.has(cursor.aheadRecord)) {
      const record = this.#history.after(cursor.aheadRecord);
      if (record < 0 || !offer(this.#history.keyAt(record), cursor.score)) return;
      cursor.aheadRecord = record;
      cursor.ahead += 1;
    }
  }
}
