import ignore from 'ignore';
import type { RelPath } from '../base/path.ts';

/**
 * Which entries of a source are passed over, by patterns as in a `.gitignore` at the top of it (gitignore(5)): the last
 * one that fits counts, `!` takes back, what is in a folder that is passed over cannot be taken back.
 */
export class Exclusion {
  readonly #rules: ReturnType<typeof ignore>;

  constructor(patterns: readonly string[]) {
    this.#rules = ignore({ ignorecase: false }).add([...patterns]);
  }

  /** `path` is relative to the source; the source itself is never passed over. */
  excludes(path: RelPath | string, isFolder: boolean): boolean {
    return path !== '' && this.#rules.ignores(isFolder ? `${path}/` : path);
  }

  /** Null where nothing is excluded, as mostly. */
  static of(patterns: readonly string[] | undefined): Exclusion | null {
    return patterns === undefined || patterns.length === 0 ? null : new Exclusion(patterns);
  }
}
