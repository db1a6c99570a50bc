import type { JobView } from '../contract/schemas.ts';

/** Who wants to see the views of a job. */
export class JobListeners {
  readonly #listeners = new Map<string, Set<(view: JobView) => void>>();
  readonly #ofAll = new Map<(view: JobView) => void, () => boolean>();

  /** Calls `listener` with each new view; returns a function that ends it. */
  add(id: string, listener: (view: JobView) => void): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(id, listeners);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id);
    };
  }

  /** Calls `listener` with new views of all jobs; of mere progress only while `isWanted`. The result ends it. */
  addToAll(listener: (view: JobView) => void, isWanted: () => boolean): () => void {
    this.#ofAll.set(listener, isWanted);
    return () => this.#ofAll.delete(listener);
  }

  /** Whether somebody wants to see the progress of the job. */
  has(id: string): boolean {
    return this.#listeners.has(id) || [...this.#ofAll.values()].some((isWanted) => isWanted());
  }

  tell(view: JobView): void {
    for (const listener of [...(this.#listeners.get(view.id) ?? [])]) listener(view);
    for (const listener of [...this.#ofAll.keys()]) listener(view);
  }
}
