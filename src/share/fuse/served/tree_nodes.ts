import { joinRel, type Name, type RelPath } from '../../../base/path.ts';
import type { TreeNode } from '../../../tree/files/file_tree.ts';
import { ROOT_ID } from '../protocol.ts';

/** A node that the kernel knows. */
export interface ServedNode {
  readonly id: number;
  /** Its identity in the tree; empty of the root. */
  readonly identity: string;
  /** Where it stands; null where its name went to another one, or is gone. */
  path: RelPath | null;
  /** Where it was told to stand before, and may stand too: names of a file with several. */
  readonly others: Set<RelPath>;
  /** How often the kernel was told of it. */
  lookups: number;
}

/** Further names of a file that are remembered. */
const OTHERS_MAX = 16;

/** Nodes of a tree by the numbers that the kernel was given for them. */
export class TreeNodes {
  readonly #byId = new Map<number, ServedNode>();
  readonly #byIdentity = new Map<string, ServedNode>();
  readonly #byPath = new Map<RelPath, ServedNode>();
  #last = ROOT_ID;

  constructor() {
    const root: ServedNode = {
      id: ROOT_ID,
      identity: '',
      path: '' as RelPath,
      others: new Set(),
      lookups: 1,
    };
    this.#byId.set(root.id, root);
    this.#byPath.set('' as RelPath, root);
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): ServedNode | undefined {
    return this.#byId.get(id);
  }

  at(path: RelPath): ServedNode | undefined {
    return this.#byPath.get(path);
  }

  /** The kernel is told of what stands there; it holds it until it has forgotten it as often. */
  told(path: RelPath, { id: identity, kind, linkCount }: TreeNode): ServedNode {
    let node = this.#byIdentity.get(identity);
    if (node === undefined) {
      this.#last += 1;
      node = { id: this.#last, identity, path: null, others: new Set(), lookups: 0 };
      this.#byId.set(node.id, node);
      this.#byIdentity.set(identity, node);
    }
    node.lookups += 1;
    const hasOthers = kind === 'file' && linkCount > 1;
    if (!hasOthers) node.others.clear();
    else if (node.path !== null && node.path !== path) node.others.add(node.path);
    node.others.delete(path);
    if (node.others.size > OTHERS_MAX)
      for (const oldest of node.others) if (node.others.delete(oldest)) break;
    this.#put(node, path);
    return node;
  }

  forgot(id: number, lookups: number): void {
    const node = this.#byId.get(id);
    if (node === undefined || id === ROOT_ID) return;
    node.lookups -= lookups;
    if (node.lookups > 0) return;
    this.#put(node, null);
    this.#byId.delete(id);
    if (this.#byIdentity.get(node.identity) === node) this.#byIdentity.delete(node.identity);
  }

  /** Nothing stands there any more. */
  removed(path: RelPath): void {
    const node = this.#byPath.get(path);
    if (node === undefined) return;
    this.#put(node, null);
    for (const other of node.others) {
      // whoever asks by it finds out whether it still is that file
      node.others.delete(other);
      if (!this.#byPath.has(other)) return this.#put(node, other);
    }
  }

  /** What stood at `from`, and all below it, is at `to` now. */
  moved(from: RelPath, to: RelPath): void {
    if (from === to) return;
    this.removed(to);
    const below = `${from}/`;
    for (const [path, node] of [...this.#byPath])
      if (path === from) this.#put(node, to);
      else if (path.startsWith(below)) this.#put(node, `${to}${path.slice(from.length)}` as RelPath);
  }

  #put(node: ServedNode, path: RelPath | null): void {
    if (node.path === path) return;
    if (node.path !== null && this.#byPath.get(node.path) === node) this.#byPath.delete(node.path);
    node.path = path;
    if (path === null) return;
    const before = this.#byPath.get(path);
    if (before !== undefined) before.path = null;
    this.#byPath.set(path, node);
  }
}

/** The place of a name in a folder. */
export function below(folder: RelPath, name: Name): RelPath {
  return joinRel(folder, name);
}
