import type { RelPath } from '../../base/path.ts';

/** What changes one name comes one after the other: what was checked still holds when it is acted upon. */
export class PathTurns {
  readonly #last = new Map<string, Promise<void>>();

  async run<T>(path: RelPath, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(path) ?? Promise.resolve();
    const turn = before.then(work);
    const end = turn.then(
      () => undefined,
      () => undefined, // the caller learns of the failure; the next one has its turn all the same
    );
    this.#last.set(path, end);
    try {
      return await turn;
    } finally {
      if (this.#last.get(path) === end) this.#last.delete(path);
    }
  }
}
