import type { JobView } from '../contract/schemas.ts';

/** Who wants to see the views of a job. */
export class JobListeners {
  readonly #listeners = new Map<string, Set<(view: JobView) => void>>();

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

  has(id: string): boolean {
    return this.#listeners.has(id);
  }

  tell(view: JobView): void {
    for (const listener of [...(this.#listeners.get(view.id) ?? [])]) listener(view);
  }
}
