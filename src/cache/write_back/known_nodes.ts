import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { TreeFile, TreeNode } from '../../tree/files/file_tree.ts';
import { attrsOf, baseOf, newNode, type WbNode } from './nodes.ts';

/** Nodes of the far tree that are open or changed here, by their identity over there, and what they are called here. */
export class KnownNodes {
  readonly #byFarId = new Map<string, WbNode>();
  /** Identities of what was made here, by those over there. */
  readonly #names = new Map<string, string>();

  /** A node of the far tree, with the identity that this side knows it by. */
  shown(node: TreeNode): TreeNode {
    const id = this.#names.get(node.id);
    return id === undefined ? node : { ...node, id };
  }

  /** The node for what the far tree has at a path; the caller holds it open until {@link release}. */
  hold(path: RelPath, there: TreeNode): WbNode {
    const node =
      this.#known(there) ??
      newNode({
        ref: 0,
        id: this.shown(there).id,
        kind: there.kind as WbNode['kind'],
        target: there.target,
        near: path,
        far: path,
        base: baseOf(there),
        attrs: attrsOf(there),
      });
    if (node.ref === 0)
      Object.assign(node, { near: path, far: path, base: baseOf(there), attrs: attrsOf(there) });
    this.#byFarId.set(there.id, node);
    node.handles += 1;
    return node;
  }

  /** An identity may come again once its node is gone over there. */
  #known({ id, kind }: TreeNode): WbNode | null {
    const node = this.#byFarId.get(id);
    const isIt = node?.base?.id === id && node.kind === kind && (node.handles > 0 || node.ref !== 0);
    return node !== undefined && isIt ? node : null;
  }

  /** After something of the node came to be over there. */
  applied(node: WbNode): void {
    const id = node.base?.id;
    if (id === undefined) return;
    if (id !== node.id) this.#rename(id, node.id);
    if (node.handles > 0 || node.ref !== 0) this.#byFarId.set(id, node);
    else this.#byFarId.delete(id);
  }

  /** Gives the files to close where nobody holds the node any more, but for one that is lent. */
  release(node: WbNode): TreeFile[] {
    node.handles -= 1;
    if (node.handles > 0) return [];
    const { farFile, spareFiles } = node;
    node.farFile = null;
    node.spareFiles = [];
    if (node.ref === 0) this.#forget(node);
    const files = farFile === null ? spareFiles : [farFile.file, ...spareFiles];
    return files.filter((file) => file !== node.lentFile);
  }

  /** What was at `from` over there, and below it, is at `to` now. */
  moved(from: RelPath, to: RelPath): void {
    const under = (path: RelPath | null): RelPath | null => {
      if (path === from) return to;
      return path?.startsWith(`${from}/`) ? (`${to}${path.slice(from.length)}` as RelPath) : path;
    };
    for (const node of this.#byFarId.values()) {
      if (node.ref === 0) [node.near, node.far] = [under(node.near), under(node.far)];
    }
  }

  /** What was at a name over there has it no more, whoever has it open: it goes with its last user. */
  gone(path: RelPath): void {
    for (const node of this.#byFarId.values())
      if (node.ref === 0 && node.near === path) [node.near, node.far] = [null, null];
  }

  /** A file over there has got a further name. */
  linked(path: RelPath, linkCount: number): void {
    for (const node of this.#byFarId.values()) if (node.near === path) node.attrs.linkCount = linkCount;
  }

  #forget(node: WbNode): void {
    const id = node.base?.id;
    if (id !== undefined && this.#byFarId.get(id) === node) this.#byFarId.delete(id);
  }

  #rename(farId: string, id: string): void {
    this.#names.delete(farId);
    this.#names.set(farId, id);
    if (this.#names.size <= LIMITS.writeBackIdsMax.value) return;
    for (const oldest of this.#names.keys()) {
      this.#names.delete(oldest);
      break;
    }
  }
}
