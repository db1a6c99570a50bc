import { LIMITS } from '../base/limits.ts';
import { namesOf, type RelPath, splitRel } from '../base/path.ts';
import type { Dir } from '../world/disk.ts';

interface Slot {
  readonly opening: Promise<Dir>;
  users: number;
}

/**
 * Open folders below one root, found by relative path. Each is opened from its parent, never by a longer path, and
 * stays open while somebody uses it; at most LIMITS.openDirsMax idle ones are kept.
 */
export class DirCache implements AsyncDisposable {
  readonly #root: Dir;
  readonly #slots = new Map<RelPath, Slot>();
  readonly #closing = new Set<Promise<void>>();

  constructor(root: Dir) {
    this.#root = root;
  }

  /** Runs `work` with the folder at `path`; CW_DISK_* where it cannot be opened. */
  async use<T>(path: RelPath, work: (dir: Dir) => Promise<T>): Promise<T> {
    if (path === '') return work(this.#root);
    const slot = this.#slots.get(path) ?? this.#open(path);
    slot.users += 1;
    this.#slots.delete(path); // the map's order is the order of last use
    this.#slots.set(path, slot);
    try {
      return await work(await slot.opening);
    } finally {
      slot.users -= 1;
      this.#trim();
    }
  }

  /** Runs `work` with the folder that holds `path` and the last component of it. */
  useParent<T>(
    path: RelPath,
    work: (dir: Dir, name: ReturnType<typeof splitRel>['name']) => Promise<T>,
  ): Promise<T> {
    const { parent, name } = splitRel(path);
    return this.use(parent, (dir) => work(dir, name));
  }

  /** Runs `work` with the folders at all these paths, open at the same time. */
  async useAll<T>(paths: readonly RelPath[], work: (dirs: Dir[]) => Promise<T>): Promise<T> {
    const opened: Dir[] = [];
    const openNext = (): Promise<T> => {
      const path = paths[opened.length];
      if (path === undefined) return work(opened);
      return this.use(path, (dir) => {
        opened.push(dir);
        return openNext();
      });
    };
    return openNext();
  }

  /** Forgets the folder at `path` and all below it, for example because it was removed. */
  forget(path: RelPath): void {
    for (const [key, slot] of this.#slots) {
      if ((key === path || key.startsWith(`${path}/`)) && slot.users === 0) this.#drop(key, slot);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [path, slot] of this.#slots) this.#drop(path, slot);
    await Promise.all(this.#closing);
  }

  #open(path: RelPath): Slot {
    const { parent } = splitRel(path);
    const name = namesOf(path).at(-1)!;
    const slot: Slot = { opening: this.use(parent, (dir) => dir.openDir(name)), users: 0 };
    slot.opening.catch(() => {
      if (this.#slots.get(path) === slot) this.#slots.delete(path); // a failed opening is tried afresh next time
    });
    this.#slots.set(path, slot);
    return slot;
  }

  #trim(): void {
    if (this.#slots.size <= LIMITS.openDirsMax.value) return;
    for (const [path, slot] of this.#slots) {
      if (slot.users > 0) continue;
      this.#drop(path, slot);
      if (this.#slots.size <= LIMITS.openDirsMax.value) return;
    }
  }

  #drop(path: RelPath, slot: Slot): void {
    this.#slots.delete(path);
    const closing = slot.opening.then(
      (dir) => dir.close(),
      () => undefined, // never opened, nothing to close
    );
    this.#closing.add(closing);
    closing.finally(() => this.#closing.delete(closing)).catch(() => undefined); // the failure of a close is thrown by dispose
  }
}
