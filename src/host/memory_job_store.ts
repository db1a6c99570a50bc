import { LIMITS } from '../base/limits.ts';
import { hasEnded } from './job_state.ts';
import {
  type JobQuery,
  type JobStore,
  pageOf,
  type StoredJob,
  type StoredPage,
  sequenceOfCursor,
} from './job_store.ts';
import { vmsOf } from './queue_plan.ts';

interface Row {
  readonly sequence: number;
  readonly job: StoredJob;
}

/** Jobs that live as long as the object: for simulated daemons, and as the model of what a store does. */
export class MemoryJobStore implements JobStore {
  readonly #rows = new Map<string, Row>();
  #lastSequence = 0;

  async unfinished(): Promise<readonly StoredJob[]> {
    return this.#sorted()
      .map(({ job }) => job)
      .filter(({ state }) => !hasEnded(state));
  }

  async get(id: string): Promise<StoredJob | null> {
    return this.#rows.get(id)?.job ?? null;
  }

  async list({ states, vm, group, limit, cursor }: JobQuery): Promise<StoredPage> {
    const before = sequenceOfCursor(cursor);
    const found = this.#sorted()
      .reverse()
      .filter(
        ({ sequence, job }) =>
          sequence < before &&
          (states === null || states.includes(job.state)) &&
          (vm === null || vmsOf(job.request).includes(vm)) &&
          (group === undefined || job.request.group === group),
      );
    return pageOf(found.slice(0, limit + 1), limit);
  }

  async put(jobs: readonly StoredJob[]): Promise<void> {
    for (const job of jobs) {
      const sequence = this.#rows.get(job.id)?.sequence ?? this.#lastSequence + 1;
      this.#lastSequence = Math.max(this.#lastSequence, sequence);
      this.#rows.set(job.id, { sequence, job });
    }
    const ended = this.#sorted().filter(({ job }) => hasEnded(job.state));
    for (const { job } of ended.slice(0, -LIMITS.jobsKeptMax.value)) this.#rows.delete(job.id);
  }

  #sorted(): Row[] {
    return [...this.#rows.values()].sort((a, b) => a.sequence - b.sequence);
  }
}
