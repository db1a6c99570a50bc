import type { HintKinds } from '../world/folder_hints.ts';
import type { WatchedNode } from './watched_tree.ts';

/** What is to be looked at, because it may be otherwise by now. */
export class Pending {
  readonly #names = new Map<WatchedNode, Map<string, HintKinds>>();
  readonly #whole = new Set<WatchedNode>();

  get isEmpty(): boolean {
    return this.#names.size === 0 && this.#whole.size === 0;
  }

  /** One name of a folder. */
  add(folder: WatchedNode, name: string, hint: HintKinds): void {
    const names = this.#names.get(folder) ?? new Map<string, HintKinds>();
    this.#names.set(folder, names);
    const before = names.get(name);
    names.set(name, before === undefined ? hint : both(before, hint));
  }

  /** A folder with everything right in it. */
  addWhole(folder: WatchedNode): void {
    this.#whole.add(folder);
  }

  /** The names that are pending of each folder; they are pending no more. */
  takeNames(): [WatchedNode, Map<string, HintKinds>][] {
    const taken = [...this.#names];
    this.#names.clear();
    return taken;
  }

  /** The folder that has been waiting the longest to be looked at as a whole; null: none. */
  takeWhole(): WatchedNode | null {
    for (const folder of this.#whole) {
      this.#whole.delete(folder);
      return folder;
    }
    return null;
  }

  clear(): void {
    this.#names.clear();
    this.#whole.clear();
  }
}

function both(one: HintKinds, other: HintKinds): HintKinds {
  const is = (kind: keyof HintKinds) => one[kind] === true || other[kind] === true;
  return {
    appeared: is('appeared'),
    movedIn: is('movedIn'),
    movedOut: is('movedOut'),
    removed: is('removed'),
    written: is('written'),
    closed: is('closed'),
    attributes: is('attributes'),
  };
}
