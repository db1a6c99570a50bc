import { type SharedReader, SharedReads } from '../transfer/shared_reads.ts';
import type { Clock } from '../world/clock.ts';

/** What the running copies of each group share. */
export class SharedSources {
  readonly #clock: Clock;
  readonly #groups = new Map<string, SharedReads>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A place among those who read the sources of the group; undefined for a copy that is alone. Leave it at the end. */
  join(group: string | undefined): SharedReader | undefined {
    if (group === undefined) return undefined;
    for (const [id, { readerCount }] of this.#groups) if (readerCount === 0) this.#groups.delete(id);
    const shared = this.#groups.get(group) ?? new SharedReads(this.#clock);
    this.#groups.set(group, shared);
    return shared.join();
  }
}
