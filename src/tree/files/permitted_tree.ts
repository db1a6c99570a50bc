import { joinRel, type RelPath } from '../../base/path.ts';
import type { AttrPatch } from '../../world/disk.ts';
import type {
  FileTree,
  NewNode,
  TreeCaps,
  TreeEntry,
  TreeFile,
  TreeNode,
  TreeOpenMode,
} from './file_tree.ts';

/** What a decorator asks before each call of a tree, by the verb and the paths that it touches. */
export type Verb = 'lookup' | 'list' | 'open' | 'create' | 'setAttrs' | 'rename' | 'remove' | 'values';

export interface Ask {
  readonly verb: Verb;
  readonly path: RelPath;
  /** The call may change something. */
  readonly changes: boolean;
}

/** Throws what refuses the call; the paths of a rename are asked about one after the other. */
export type Permit = (ask: Ask) => Promise<void> | void;

/** A tree whose every call is permitted or refused first. */
export class PermittedTree implements FileTree {
  readonly caps: TreeCaps;
  readonly #inner: FileTree;
  readonly #permit: Permit;

  constructor(inner: FileTree, permit: Permit, caps: Partial<TreeCaps> = {}) {
    this.#inner = inner;
    this.#permit = permit;
    const { values, folder, cachedFile, putFile, removeFiles } = inner.caps;
    this.caps = {
      ...inner.caps,
      values: values && {
        get: async (path, name) => {
          await permit({ verb: 'values', path, changes: false });
          return values.get(path, name);
        },
        set: async (path, name, value) => {
          await permit({ verb: 'values', path, changes: true });
          return values.set(path, name, value);
        },
      },
      folder:
        folder &&
        (async (path) => {
          await permit({ verb: 'list', path, changes: false });
          return folder(path);
        }),
      ...(removeFiles && {
        removeFiles: async (folder, names) => {
          for (const name of names)
            await permit({ verb: 'remove', path: joinRel(folder, name), changes: true });
          return removeFiles(folder, names);
        },
      }),
      ...(putFile && {
        putFile: async (path, bytes, mtimeNs) => {
          await permit({ verb: 'open', path, changes: true });
          return putFile(path, bytes, mtimeNs);
        },
      }),
      ...(cachedFile && {
        cachedFile: async (path, choose) => {
          await permit({ verb: 'open', path, changes: false });
          return cachedFile(path, choose);
        },
      }),
      ...caps,
    };
  }

  async lookup(path: RelPath): Promise<TreeNode> {
    await this.#permit({ verb: 'lookup', path, changes: false });
    return this.#inner.lookup(path);
  }

  async *list(path: RelPath): AsyncIterable<readonly TreeEntry[]> {
    await this.#permit({ verb: 'list', path, changes: false });
    yield* this.#inner.list(path);
  }

  async open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile> {
    await this.#permit({ verb: 'open', path, changes: mode !== 'read' });
    return this.#inner.open(path, mode);
  }

  async create(path: RelPath, what: NewNode): Promise<TreeNode> {
    await this.#permit({ verb: 'create', path, changes: true });
    return this.#inner.create(path, what);
  }

  async setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    await this.#permit({ verb: 'setAttrs', path, changes: true });
    return this.#inner.setAttrs(path, patch);
  }

  async rename(from: RelPath, to: RelPath, options: { readonly replace: boolean }): Promise<void> {
    await this.#permit({ verb: 'rename', path: from, changes: true });
    await this.#permit({ verb: 'rename', path: to, changes: true });
    return this.#inner.rename(from, to, options);
  }

  async remove(path: RelPath): Promise<void> {
    await this.#permit({ verb: 'remove', path, changes: true });
    return this.#inner.remove(path);
  }
}
