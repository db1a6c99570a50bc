import { observed } from '../base/deferred.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../world/clock.ts';
import type { JobStore, StoredJob } from './job_store.ts';

interface Unsaved {
  readonly job: StoredJob;
  /** Rises with every call of `save`. */
  readonly version: number;
}

/** Keeps the newest version of each job that the store refused (a full disk), and tries again until it takes it. */
export class JobSaver {
  readonly #store: JobStore;
  readonly #clock: Clock;
  readonly #unsaved = new Map<string, Unsaved>();
  readonly #over = new AbortController();
  #lastVersion = 0;
  #retrying: Promise<void> | null = null;

  constructor(store: JobStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The newest version of a job, where the store does not have it. */
  unsaved(id: string): StoredJob | undefined {
    return this.#unsaved.get(id)?.job;
  }

  /** Durable when it resolves. Where it rejects (CW_DISK_*), the version is tried again until a newer one is saved. */
  async save(job: StoredJob): Promise<void> {
    this.#lastVersion += 1;
    const version = this.#lastVersion;
    if (this.#unsaved.has(job.id)) this.#unsaved.set(job.id, { job, version });
    try {
      await this.#store.put([job]);
      if ((this.#unsaved.get(job.id)?.version ?? 0) <= version) this.#unsaved.delete(job.id);
    } catch (failure) {
      if ((this.#unsaved.get(job.id)?.version ?? 0) < version) this.#unsaved.set(job.id, { job, version });
      if (!this.#over.signal.aborted) this.#retrying ??= this.#retry();
      throw failure;
    }
  }

  /** The same where nobody waits for it. */
  saveLater(job: StoredJob): void {
    observed(this.save(job)); // a failure is dealt with by the retries
  }

  /** Tries what is left a last time. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.#retrying;
    await this.#saveAll();
  }

  async #retry(): Promise<void> {
    const { signal } = this.#over;
    while (this.#unsaved.size > 0 && !signal.aborted) {
      await this.#clock.sleep(LIMITS.queueRecheckMs.value, signal).catch(() => undefined); // the close ends the wait
      if (!signal.aborted) await this.#saveAll();
    }
    this.#retrying = null;
  }

  async #saveAll(): Promise<void> {
    for (const id of [...this.#unsaved.keys()]) {
      const entry = this.#unsaved.get(id);
      if (entry) await this.save(entry.job).catch(() => undefined); // it stays among the unsaved
    }
  }
}
