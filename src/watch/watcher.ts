import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../world/clock.ts';
import type { Dir } from '../world/disk.ts';
import type { FolderHints, OpenFolderHints } from '../world/folder_hints.ts';
import type { Change } from './change.ts';
import { Settler } from './settler.ts';
import { WatchedTree } from './watched_tree.ts';

/** How a folder is watched at the moment. */
export type WatchState =
  /** The kernel hints at changes. */
  | { readonly kind: 'state'; readonly state: 'watched'; readonly error: null }
  /** It does not, for that reason: everything is looked at again and again. */
  | { readonly kind: 'state'; readonly state: 'rescanned'; readonly error: CausewayError }
  /** It is not there, or cannot be read. Nothing is told until it is back; then what differs. */
  | { readonly kind: 'state'; readonly state: 'gone'; readonly error: CausewayError };

export interface WatcherParts {
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs' | 'sleep'>;
  readonly openHints: OpenFolderHints;
  /** Opens the folder. Throws where it is not there, or another one. */
  readonly openRoot: () => Promise<Dir>;
  readonly tell: (told: Change | WatchState) => void;
  readonly hintsMax?: number;
}

/** Tells the changes of a folder and of all that is in it, whoever makes them, from its first state on. */
export class Watcher {
  readonly #parts: WatcherParts;
  #tree: WatchedTree | null = null;
  #hints: FolderHints | null = null;
  #unhinted: CausewayError | null = null;
  #state: WatchState['state'] | null = null;
  #isFirst = true;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
  }

  /** Watches until the signal is aborted. CW_WATCH_ENTRIES where the folder holds too much. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted) {
      try {
        await this.#watch(signal);
      } catch (failure) {
        const error = asCausewayError(failure);
        if (signal.aborted) return;
        if (error.code === 'CW_WATCH_ENTRIES') throw error;
        this.#become({ kind: 'state', state: 'gone', error });
        await clock.sleep(LIMITS.watchRootLookMs.value, signal).catch(() => undefined); // the end of the loop
      } finally {
        this.#closeHints();
      }
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const settler = await this.#begin();
    await this.#settle(settler);
    this.#isFirst = false;
    this.#becomeWatched();
    const { clock, openRoot } = this.#parts;
    let rootLookMs = clock.monotonicMs();
    for (;;) {
      await clock.sleep(
        this.#hints === null ? LIMITS.watchRescanEveryMs.value : LIMITS.watchLookMs.value,
        signal,
      );
      const isDue = clock.monotonicMs() - rootLookMs >= LIMITS.watchRootLookMs.value;
      if (isDue) {
        rootLookMs = clock.monotonicMs();
        await (await openRoot()).close();
      }
      this.#take(settler);
      if (!settler.isIdle) await this.#settle(settler);
      this.#becomeWatched();
    }
  }

  /** What was known before stays known: what differs from it is told. */
  async #begin(): Promise<Settler> {
    const { clock, openRoot } = this.#parts;
    const root = await openRoot();
    try {
      const stat = await root.self();
      this.#tree ??= new WatchedTree(stat, LIMITS.watchEntriesMax.value, (watch) =>
        this.#hints?.unwatch(watch),
      );
      this.#tree.update(this.#tree.root, stat, false);
    } finally {
      await root.close();
    }
    this.#tree.forgetWatches();
    this.#openHints();
    const settler = new Settler({
      clock,
      tree: this.#tree,
      openRoot,
      hints: () => this.#hints,
      tell: (change) => {
        if (!this.#isFirst) this.#parts.tell(change);
      },
    });
    settler.lookAtAll();
    return settler;
  }

  #openHints(): void {
    this.#unhinted = null;
    try {
      this.#hints = this.#parts.openHints();
      if (this.#hints === null)
        this.#unhinted = new CausewayError(
          'CW_UNSUPPORTED',
          'this machine does not tell of changes in folders',
        );
    } catch (failure) {
      this.#unhinted = asCausewayError(failure);
    }
  }

  #closeHints(): void {
    this.#hints?.close();
    this.#hints = null;
  }

  /** Where the kernel lets no further folder be watched, the whole is looked at now and then. */
  async #settle(settler: Settler): Promise<void> {
    try {
      await settler.settle();
    } catch (failure) {
      const error = asCausewayError(failure);
      if (error.code !== 'CW_WATCH_FOLDERS') throw error;
      this.#closeHints();
      this.#tree?.forgetWatches();
      this.#unhinted = error;
      settler.lookAtAll();
      await settler.settle();
    }
  }

  #take(settler: Settler): void {
    const tree = this.#tree;
    if (tree === null) return;
    if (this.#hints === null) return settler.lookAtAll();
    const { hints, isLossy } = this.#hints.take(this.#parts.hintsMax ?? LIMITS.watchHintsMax.value);
    if (isLossy) {
      this.#parts.tell({ kind: 'overflow' });
      return settler.lookAtAll();
    }
    for (const { watch, name, ...kinds } of hints) {
      const folder = tree.byWatch(watch);
      if (folder !== null) settler.pending.add(folder, name, kinds);
    }
  }

  #becomeWatched(): void {
    const error = this.#unhinted;
    this.#become(
      error === null
        ? { kind: 'state', state: 'watched', error: null }
        : { kind: 'state', state: 'rescanned', error },
    );
  }

  #become(state: WatchState): void {
    if (this.#state === state.state) return;
    this.#state = state.state;
    this.#parts.tell(state);
  }
}
