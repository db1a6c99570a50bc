import { type Deferred, deferred } from '../../base/deferred.ts';
import { LIMITS } from '../../base/limits.ts';
import type { CborMap } from '../../wire/cbor.ts';
import { encodeRecord } from './record.ts';
import { unavailable } from './refusal.ts';

interface Waiting {
  readonly prepared: CborMap;
  readonly done: Deferred<number>;
}

/** Records that are written together. */
export interface Batch {
  readonly items: readonly Uint8Array[];
  readonly waiting: readonly Deferred<number>[];
}

/** Entries that wait for their place in the log, in order. */
export class AppendQueue {
  #waiting: Waiting[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves with the sequence of the record once it is durable. CW_AUDIT_UNAVAILABLE where too many wait. */
  add(prepared: CborMap): Promise<number> {
    if (this.#waiting.length >= LIMITS.auditQueueMax.value) {
      return Promise.reject(unavailable(`${this.#waiting.length} audit records wait to be written already`));
    }
    const done = deferred<number>();
    this.#waiting.push({ prepared, done });
    return done.promise;
  }

  /** Takes what is written next, numbered from `firstSequence` on. */
  take(firstSequence: number): Batch {
    const items: Uint8Array[] = [];
    let sizeBytes = 0;
    for (const { prepared } of this.#waiting) {
      const item = encodeRecord(prepared, firstSequence + items.length);
      sizeBytes += item.byteLength;
      if (items.length > 0 && sizeBytes > LIMITS.auditBatchMaxBytes.value) break;
      items.push(item);
      if (items.length === LIMITS.auditBatchRecordsMax.value) break;
    }
    const taken = this.#waiting.slice(0, items.length);
    this.#waiting = this.#waiting.slice(items.length);
    return { items, waiting: taken.map((one) => one.done) };
  }
}
