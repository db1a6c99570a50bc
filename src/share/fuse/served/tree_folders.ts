import { CausewayError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { RelPath } from '../../../base/path.ts';
import type { FileTree, TreeEntry } from '../../../tree/files/file_tree.ts';
import { listedBytes, openBody, type Shown, writeListed } from './tree_answers.ts';
import { below, type ServedNode, type TreeNodes } from './tree_nodes.ts';
import type { TreeRequest } from './tree_request.ts';

const EMPTY = new Uint8Array(0);

interface Listing {
  readonly path: RelPath;
  /** As they were when the listing began; null before that. */
  entries: readonly TreeEntry[] | null;
}

/** Folders of a tree that programs list. */
export class TreeFolders {
  readonly #tree: FileTree;
  readonly #nodes: TreeNodes;
  readonly #cacheMs: number;
  readonly #open = new Map<number, Listing>();
  #last = 0;

  constructor(tree: FileTree, nodes: TreeNodes, cacheMs: number) {
    this.#tree = tree;
    this.#nodes = nodes;
    this.#cacheMs = cacheMs;
  }

  open({ path }: ServedNode): Uint8Array {
    if (path === null) throw new CausewayError('CW_DISK_NOT_FOUND', 'the folder is gone');
    if (this.#open.size >= LIMITS.mountFoldersListedMax.value)
      throw new CausewayError('CW_DISK_TOO_MANY_OPEN', 'too many folders are being listed');
    this.#last += 1;
    this.#open.set(this.#last, { path, entries: null });
    return openBody(this.#last);
  }

  release(request: TreeRequest): Uint8Array {
    this.#open.delete(request.id(0));
    return EMPTY;
  }

  async list(request: TreeRequest, isPlus: boolean): Promise<Uint8Array> {
    const listing = this.#open.get(request.id(0));
    if (listing === undefined) throw new CausewayError('CW_DISK_IO', 'the folder is not open');
    const from = request.id(8);
    if (listing.entries === null || from === 0) listing.entries = await this.#all(listing.path);
    const room = Math.min(request.u32(16), LIMITS.mountReadMaxBytes.value);
    return this.#page(listing, from, room, isPlus);
  }

  async #all(path: RelPath): Promise<TreeEntry[]> {
    const entries: TreeEntry[] = [];
    for await (const page of this.#tree.list(path)) entries.push(...page);
    return entries;
  }

  #page({ path, entries }: Listing, from: number, room: number, isPlus: boolean): Uint8Array {
    const into = Buffer.alloc(room);
    let used = 0;
    for (let index = from; index < (entries ?? []).length; index += 1) {
      const entry = entries?.[index] as TreeEntry;
      const sizeBytes = listedBytes(Buffer.byteLength(entry.name), isPlus);
      if (used + sizeBytes > room) break;
      writeListed(into, used, entry, index + 1, isPlus ? this.#shown(path, entry) : null);
      used += sizeBytes;
    }
    return into.subarray(0, used);
  }

  #shown(path: RelPath, { name, node }: TreeEntry): Shown {
    const { id } = this.#nodes.told(below(path, name), node);
    return { id, node, cacheMs: this.#cacheMs };
  }
}
