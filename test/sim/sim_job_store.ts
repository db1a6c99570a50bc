import type { JobQuery, JobStore, StoredJob, StoredPage } from '../../src/host/job_store.ts';
import type { MemoryJobStore } from '../../src/host/memory_job_store.ts';
import type { World } from '../../src/world/world.ts';

/**
 * Jobs on a simulated disk that keeps what it was told: calls take time, one after the other, and a process that dies
 * during a change finds it made or not made.
 */
export class SimJobStore implements JobStore {
  readonly #disk: MemoryJobStore;
  readonly #world: World;
  #last: Promise<unknown> = Promise.resolve();

  /** `disk` outlives the process. */
  constructor(world: World, disk: MemoryJobStore) {
    this.#world = world;
    this.#disk = disk;
  }

  unfinished(): Promise<readonly StoredJob[]> {
    return this.#inTurn(() => this.#disk.unfinished());
  }

  get(id: string): Promise<StoredJob | null> {
    return this.#inTurn(() => this.#disk.get(id));
  }

  list(query: JobQuery): Promise<StoredPage> {
    return this.#inTurn(() => this.#disk.list(query));
  }

  put(jobs: readonly StoredJob[]): Promise<void> {
    return this.#inTurn(() => this.#disk.put(structuredClone(jobs)));
  }

  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const next = this.#last.then(async () => {
      await this.#pass();
      const result = await call();
      await this.#pass();
      return result;
    });
    this.#last = next.catch(() => undefined); // the caller learns of the failure
    return next;
  }

  #pass(): Promise<void> {
    return this.#world.clock.sleep(this.#world.random.u32() % 4);
  }
}
