import { CausewayError } from '../base/errors.ts';
import type { EntryKind, Stat } from '../world/disk.ts';

/** An entry as it was when it was looked at last. */
export interface WatchedNode {
  name: string;
  /** Null for the watched folder itself, and for what is no part of the tree any more. */
  parent: WatchedNode | null;
  kind: EntryKind;
  id: string;
  stat: Stat;
  /** It had changed so shortly before it was looked at that a change since may not show. */
  isFresh: boolean;
  /** Of a folder. */
  children: Map<string, WatchedNode> | null;
  watch: number | null;
}

export const idOf = ({ deviceId, inode }: Pick<Stat, 'deviceId' | 'inode'>): string => `${deviceId}:${inode}`;

/** What a watched folder is known to hold. */
export class WatchedTree {
  readonly root: WatchedNode;
  readonly #maxEntries: number;
  readonly #byId = new Map<string, WatchedNode>();
  readonly #byWatch = new Map<number, WatchedNode>();
  readonly #unwatch: (watch: number) => void;
  #count = 0;

  constructor(root: Stat, maxEntries: number, unwatch: (watch: number) => void) {
    this.#maxEntries = maxEntries;
    this.#unwatch = unwatch;
    this.root = nodeOf('', null, root, false);
  }

  get count(): number {
    return this.#count;
  }

  byId(id: string): WatchedNode | null {
    return this.#byId.get(id) ?? null;
  }

  byWatch(watch: number): WatchedNode | null {
    return this.#byWatch.get(watch) ?? null;
  }

  has(node: WatchedNode): boolean {
    for (let at: WatchedNode | null = node; at !== null; at = at.parent) if (at === this.root) return true;
    return false;
  }

  pathOf(node: WatchedNode): string {
    const names: string[] = [];
    for (let at = node; at.parent !== null; at = at.parent) names.push(at.name);
    return names.reverse().join('/');
  }

  /** All folders, each before what it holds. */
  *folders(): Generator<WatchedNode> {
    const queue = [this.root];
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      yield node;
      for (const child of node.children?.values() ?? []) if (child.children !== null) queue.push(child);
    }
  }

  /** Whether it had another one, which has ended with the folder that it was for. */
  setWatch(node: WatchedNode, watch: number): boolean {
    const { watch: old } = node;
    if (old !== null && old !== watch && this.#byWatch.get(old) === node) this.#byWatch.delete(old);
    node.watch = watch;
    this.#byWatch.set(watch, node);
    return old !== null && old !== watch;
  }

  /** Watches that are no more. */
  forgetWatches(): void {
    for (const node of this.#byWatch.values()) node.watch = null;
    this.#byWatch.clear();
  }

  /** CW_WATCH_ENTRIES where it is one too many. */
  add(parent: WatchedNode, name: string, stat: Stat, isFresh: boolean): WatchedNode {
    if (this.#count >= this.#maxEntries)
      throw new CausewayError(
        'CW_WATCH_ENTRIES',
        `there are more than ${this.#maxEntries} files and folders`,
      );
    const node = nodeOf(name, parent, stat, isFresh);
    parent.children?.set(name, node);
    this.#byId.set(node.id, node);
    this.#count += 1;
    return node;
  }

  /** The same name is something else of the same kind from now on. */
  update(node: WatchedNode, stat: Stat, isFresh: boolean): void {
    if (this.#byId.get(node.id) === node) this.#byId.delete(node.id);
    node.stat = stat;
    node.isFresh = isFresh;
    node.id = idOf(stat);
    this.#byId.set(node.id, node);
  }

  move(node: WatchedNode, parent: WatchedNode, name: string): void {
    node.parent?.children?.delete(node.name);
    node.parent = parent;
    node.name = name;
    parent.children?.set(name, node);
  }

  remove(node: WatchedNode): void {
    if (node.parent?.children?.get(node.name) === node) node.parent.children.delete(node.name);
    node.parent = null;
    const queue = [node];
    for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
      this.#count -= 1;
      if (this.#byId.get(one.id) === one) this.#byId.delete(one.id);
      if (one.watch !== null && this.#byWatch.get(one.watch) === one) {
        this.#byWatch.delete(one.watch);
        this.#unwatch(one.watch);
      }
      queue.push(...(one.children?.values() ?? []));
    }
  }
}

function nodeOf(name: string, parent: WatchedNode | null, stat: Stat, isFresh: boolean): WatchedNode {
  const children = stat.kind === 'directory' ? new Map<string, WatchedNode>() : null;
  return { name, parent, kind: stat.kind, id: idOf(stat), stat, isFresh, children, watch: null };
}
