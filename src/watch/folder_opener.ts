import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Name } from '../base/path.ts';
import type { Dir } from '../world/disk.ts';
import { idOf, type WatchedNode } from './watched_tree.ts';

/** That a name leads elsewhere than it did, or nowhere. */
const ELSEWHERE = new Set(['CW_DISK_NOT_FOUND', 'CW_DISK_NOT_DIRECTORY', 'CW_DISK_SYMLINK']);

/** Folders of a tree by the names that they are known under, each only if it is that very folder. */
export class FolderOpener implements AsyncDisposable {
  readonly #openRoot: () => Promise<Dir>;
  readonly #open = new Map<WatchedNode, Dir>();

  /** `openRoot` gives the watched folder and no other. */
  constructor(openRoot: () => Promise<Dir>) {
    this.#openRoot = openRoot;
  }

  /** Stays open until others are asked for. Null where it is not there, or another one. Other failures are thrown. */
  async open(node: WatchedNode): Promise<Dir | null> {
    const known = this.#open.get(node);
    if (known !== undefined) return known;
    if (this.#open.size >= LIMITS.watchFoldersOpenMax.value) await this.close();
    const chain: WatchedNode[] = [];
    for (let at: WatchedNode | null = node; at !== null; at = at.parent) chain.unshift(at);
    let dir: Dir | null = null;
    for (const one of chain) {
      dir = this.#open.get(one) ?? (await this.#openOne(dir, one));
      if (dir === null) return null;
    }
    return dir;
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map((dir) => dir.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #openOne(parent: Dir | null, node: WatchedNode): Promise<Dir | null> {
    const dir = parent === null ? await this.#openRoot() : await childOf(parent, node.name as Name);
    if (dir === null) return null;
    try {
      if (idOf(await dir.self()) === node.id) {
        this.#open.set(node, dir);
        return dir;
      }
    } catch (failure) {
      await dir.close();
      throw failure;
    }
    await dir.close();
    return null;
  }
}

async function childOf(parent: Dir, name: Name): Promise<Dir | null> {
  try {
    return await parent.openDir(name);
  } catch (failure) {
    if (ELSEWHERE.has(asCausewayError(failure).code)) return null;
    throw failure;
  }
}
