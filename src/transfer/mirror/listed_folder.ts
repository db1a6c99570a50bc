import type { RelPath } from '../../base/path.ts';
import { type NameRules, sameNameKey } from '../../tree/names/name_rules.ts';
import type { DirEntry } from '../../world/disk.ts';

/** A folder at the destination while the plan goes through it: which of its entries the plan has. */
export class ListedFolder {
  readonly path: RelPath;
  readonly #rules: NameRules;
  /** Ordered by key. */
  readonly #entries: { readonly key: string; readonly entry: DirEntry }[];
  readonly #planned: Uint8Array;

  constructor(path: RelPath, entries: readonly DirEntry[], rules: NameRules) {
    this.path = path;
    this.#rules = rules;
    this.#entries = entries.map((entry) => ({ key: sameNameKey(entry.rawName, rules), entry }));
    this.#entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    this.#planned = new Uint8Array(entries.length);
  }

  /** The plan has an entry of this name: whatever the destination takes for the same stays. */
  tick(name: string): void {
    const key = sameNameKey(name, this.#rules);
    for (let at = this.#firstOf(key); this.#entries[at]?.key === key; at += 1) this.#planned[at] = 1;
  }

  /** The entries that the plan does not have. */
  rest(): DirEntry[] {
    return this.#entries.filter((_, at) => this.#planned[at] === 0).map(({ entry }) => entry);
  }

  #firstOf(key: string): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
