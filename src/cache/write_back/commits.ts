import type { Change } from './changes.ts';
import type { Journal } from './journal.ts';
import type { WbNode } from './nodes.ts';
import type { Overlay } from './overlay.ts';

/** A change that is to be noted. */
export interface Item {
  readonly change: Change;
  readonly data?: Uint8Array;
  /** The node of an `adopt`. */
  readonly live?: WbNode;
}

const NO_DATA = new Uint8Array(0);

/** Notes changes in the journal and in memory, one caller at a time, in the same order in both. */
export class Commits {
  readonly #journal: Journal;
  readonly #overlay: Overlay;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(journal: Journal, overlay: Overlay) {
    this.#journal = journal;
    this.#overlay = overlay;
  }

  /**
   * `form` says what to note as things are when its turn comes, and may throw instead. Gives the nodes. CW_DISK_*: then what
   * had its turn before the failure is noted.
   */
  commit(form: () => readonly Item[]): Promise<(WbNode | null)[]> {
    return this.inTurn(async () => {
      await this.#ready();
      return this.#note(form(), false);
    });
  }

  /** As {@link commit}, for what was done: where the journal cannot take it any more it is known in memory only. */
  async note(change: Change): Promise<void> {
    await this.inTurn(async () => {
      if (this.#journal.isBroken) this.#overlay.apply(change);
      else await this.#note([{ change }], true);
    });
  }

  /** Nothing is noted meanwhile. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #note(items: readonly Item[], isReserved: boolean): Promise<(WbNode | null)[]> {
    const nodes: (WbNode | null)[] = [];
    try {
      for (const { change, data, live } of items) {
        const place = await this.#journal.append(change, data ?? NO_DATA, isReserved);
        nodes.push(this.#overlay.apply(change, place, live));
      }
    } catch (failure) {
      // what was adopted for a change that did not come is adopted again for the next one: the journal may have begun anew by then
      for (const node of nodes) if (node !== null) this.#overlay.left(node);
      throw failure;
    }
    return nodes;
  }

  async #ready(): Promise<void> {
    const isLost = this.#journal.isBroken && this.#overlay.ops.length === 0;
    if (!isLost && !this.#journal.isFull) return;
    await this.#journal.rotate(this.#overlay.state());
    await this.#journal.trim(this.#overlay.segments());
  }
}
