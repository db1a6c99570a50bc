import { LIMITS } from '../../base/limits.ts';

/** What a kernel is to be told. */
export type Notice =
  /** What is known of a file is out of date: its attributes, and with `isData` its bytes or what is listed in it. */
  | { readonly kind: 'inode'; readonly id: number; readonly isData: boolean }
  /** A name in a folder may mean something else. */
  | { readonly kind: 'name'; readonly parentId: number; readonly name: string };

/** All that a kernel may know. */
export interface Known {
  ids(): number[];
  /** The name that it was told for it; null where it has none. */
  nameOf(id: number): { readonly parentId: number; readonly name: string } | null;
}

/**
 * What the kernel of another machine is still to be told, each thing once, and a part at a time: the next one when it has
 * said that it knows the last one. Where too much waits, all that it may know is out of date.
 */
export class Outdated {
  readonly #known: Known;
  readonly #waiting = new Map<string, Notice>();
  /** What is left of all that is known. */
  #sweep: number[] = [];
  #onItsWay = 0;

  constructor(known: Known) {
    this.#known = known;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#sweep.length === 0;
  }

  inode(id: number, isData: boolean): void {
    const key = `${id}`;
    const before = this.#waiting.get(key);
    const wasData = before?.kind === 'inode' && before.isData;
    this.#add(key, { kind: 'inode', id, isData: isData || wasData });
  }

  name(parentId: number, name: string): void {
    this.#add(`${parentId}/${name}`, { kind: 'name', parentId, name });
  }

  everything(): void {
    this.#waiting.clear();
    this.#sweep = this.#known.ids().reverse();
  }

  /** The other side says that it knows so many. */
  told(count: number): void {
    this.#onItsWay = Math.max(0, this.#onItsWay - count);
  }

  /** The other side may have missed any of them. */
  startOver(): void {
    this.#onItsWay = 0;
    this.everything();
  }

  /** The next ones, which are on their way from now on. */
  take(): Notice[] {
    const taken: Notice[] = [];
    const room = LIMITS.mountNoticesAheadMax.value - this.#onItsWay;
    for (const [key, notice] of this.#waiting) {
      if (taken.length >= room) break;
      this.#waiting.delete(key);
      taken.push(notice);
    }
    while (taken.length + 2 <= room) {
      const id = this.#sweep.pop();
      if (id === undefined) break;
      const name = this.#known.nameOf(id);
      if (name !== null) taken.push({ kind: 'name', ...name });
      taken.push({ kind: 'inode', id, isData: true });
    }
    this.#onItsWay += taken.length;
    return taken;
  }

  #add(key: string, notice: Notice): void {
    if (this.#waiting.size >= LIMITS.mountNoticesMax.value && !this.#waiting.has(key)) this.everything();
    else this.#waiting.set(key, notice);
  }
}
