import { asCausewayError, CausewayError } from '../../base/errors.ts';
import {
  joinRel,
  type Name,
  namesOf,
  parseName,
  type RelPath,
  ROOT_PATH,
  splitRel,
} from '../../base/path.ts';
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

/** As Linux: more links than that on one path are a loop. */
const FOLLOWED_MAX = 40;

/**
 * The same tree with symlinks followed whose targets stay inside; one that is absolute, leads above the root, or loops
 * is CW_DISK_SYMLINK, and left out of listings like one that leads nowhere. Targets are followed as text, link by link,
 * each step a lookup in the tree that follows none itself: a link swapped meanwhile ends in an error, not outside.
 * `rename` and `remove` act on a link itself.
 */
export class LinkFollowingTree implements FileTree {
  readonly caps: TreeCaps;
  readonly #inner: FileTree;

  constructor(inner: FileTree) {
    this.#inner = inner;
    const { values, folder } = inner.caps;
    this.caps = {
      ...inner.caps,
      values: values && {
        get: (path, name) => this.#following(path, (plain) => values.get(plain, name)),
        set: (path, name, value) => this.#following(path, (plain) => values.set(plain, name, value)),
      },
      folder: folder && (async (path) => folder(await this.#plainFolder(path))),
    };
  }

  async lookup(path: RelPath): Promise<TreeNode> {
    const node = await this.#inParent(path, (plain) => this.#inner.lookup(plain));
    return node.kind === 'symlink' ? this.#inner.lookup(await this.#resolve(path)) : node;
  }

  async *list(path: RelPath): AsyncIterable<readonly TreeEntry[]> {
    const plain = await this.#plainFolder(path);
    for await (const page of this.#inner.list(plain))
      yield page.some(isLink) ? await this.#followed(plain, page) : page;
  }

  async #followed(folder: RelPath, page: readonly TreeEntry[]): Promise<TreeEntry[]> {
    const entries: TreeEntry[] = [];
    for (const entry of page) {
      const { name } = entry;
      const node = isLink(entry) ? await this.#targetOf(joinRel(folder, name)) : entry.node;
      if (node !== null) entries.push({ name, node });
    }
    return entries;
  }

  open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile> {
    return this.#following(path, (plain) => this.#inner.open(plain, mode));
  }

  create(path: RelPath, what: NewNode): Promise<TreeNode> {
    return this.#inParent(path, (plain) => this.#inner.create(plain, what));
  }

  setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    return this.#resolve(path).then((plain) => this.#inner.setAttrs(plain, patch));
  }

  rename(from: RelPath, to: RelPath, options: { readonly replace: boolean }): Promise<void> {
    return this.#inParent(from, (plainFrom) =>
      this.#inParent(to, (plainTo) => this.#inner.rename(plainFrom, plainTo, options)),
    );
  }

  remove(path: RelPath): Promise<void> {
    return this.#inParent(path, (plain) => this.#inner.remove(plain));
  }

  /**
   * The same place by a path that crosses no link, so that a place has one path only: what this tree decorates takes it.
   * With `last` a link in the last component is followed too. What is not there stays as it is. CW_DISK_SYMLINK.
   */
  async plainPath(path: RelPath, { last }: { readonly last: boolean }): Promise<RelPath> {
    try {
      const { kind } = await this.#inner.lookup(path);
      if (kind !== 'symlink' || !last) return path;
    } catch (failure) {
      const { code } = asCausewayError(failure);
      if (code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_NOT_DIRECTORY') return path;
      if (code !== 'CW_DISK_SYMLINK') throw failure;
    }
    if (last) return this.#resolve(path);
    const { parent, name } = splitRel(path);
    return joinRel(await this.#resolve(parent), name);
  }

  /** The call with the path as it is, which is right nearly always; with a path free of links where that met one. */
  async #following<T>(path: RelPath, call: (plain: RelPath) => Promise<T>): Promise<T> {
    try {
      return await call(path);
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_SYMLINK') throw failure;
    }
    return call(await this.#resolve(path));
  }

  /** The same for a call that acts on the last component itself. */
  async #inParent<T>(path: RelPath, call: (plain: RelPath) => Promise<T>): Promise<T> {
    try {
      return await call(path);
    } catch (failure) {
      if (path === ROOT_PATH || asCausewayError(failure).code !== 'CW_DISK_SYMLINK') throw failure;
    }
    const { parent, name } = splitRel(path);
    return call(joinRel(await this.#resolve(parent), name));
  }

  async #plainFolder(path: RelPath): Promise<RelPath> {
    const plain = await this.#following(path, async (tried) =>
      (await this.#inner.lookup(tried)).kind === 'symlink' ? null : tried,
    );
    return plain ?? this.#resolve(path);
  }

  /** Null for a link that leads nowhere, or not inside. */
  async #targetOf(plain: RelPath): Promise<TreeNode | null> {
    try {
      return await this.#inner.lookup(await this.#resolve(plain));
    } catch (failure) {
      if (LEADS_NOWHERE.has(asCausewayError(failure).code)) return null;
      throw failure;
    }
  }

  /** The same place by a path that crosses no link. The last component need not exist. */
  async #resolve(path: RelPath): Promise<RelPath> {
    const pending: string[] = namesOf(path);
    const done: Name[] = [];
    let followed = 0;
    while (pending.length > 0) {
      const step = pending.shift() as string;
      if (step === '' || step === '.') continue;
      if (step === '..') {
        if (done.pop() === undefined) throw outside();
        continue;
      }
      const name = parseName(step);
      const here = [...done, name].join('/') as RelPath;
      const target = await this.#linkAt(here, pending.length === 0);
      if (target === null) done.push(name);
      else {
        followed += 1;
        if (followed > FOLLOWED_MAX || target.startsWith('/')) throw outside();
        pending.unshift(...target.split('/'));
      }
    }
    return done.join('/') as RelPath;
  }

  /** The target of a link; null of anything else, and of what is not there where it may be missing. */
  async #linkAt(path: RelPath, mayBeMissing: boolean): Promise<string | null> {
    try {
      return (await this.#inner.lookup(path)).target;
    } catch (failure) {
      if (mayBeMissing && asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
      throw failure;
    }
  }
}

const LEADS_NOWHERE: ReadonlySet<string> = new Set([
  'CW_DISK_SYMLINK',
  'CW_DISK_NOT_FOUND',
  'CW_DISK_NOT_DIRECTORY',
  'CW_DISK_PERMISSION',
  'CW_DISK_NAME',
]);

function isLink({ node }: TreeEntry): boolean {
  return node.kind === 'symlink';
}

function outside(): CausewayError {
  return new CausewayError('CW_DISK_SYMLINK', 'a symbolic link leads out of the tree, or in a circle');
}

/** See {@link LinkFollowingTree}. */
export function followingLinks(tree: FileTree): LinkFollowingTree {
  return new LinkFollowingTree(tree);
}
