import { utf8 } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { joinRel, type Name, type RelPath } from '../../base/path.ts';
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
import { NO_OWNER } from './quota_account.ts';
import { QuotaFile, QuotaReplacement, type ReplacedPlace, type Standing } from './quota_file.ts';
import type { QuotaLedger } from './quota_ledger.ts';
import { markAt, OWNER_VALUE } from './quota_owner.ts';

type RemoveFiles = NonNullable<TreeCaps['removeFiles']>;

/**
 * The same tree, whose files together get no larger than a ledger allows: CW_DISK_QUOTA, before a byte of what does not
 * fit is written. A file that replaces another one is charged with what it has more.
 */
export class QuotaTree implements FileTree {
  readonly caps: TreeCaps;
  readonly #inner: FileTree;
  readonly #ledger: QuotaLedger;
  readonly #owner: number;
  readonly #mark: ReplacedPlace['mark'];

  /** `user` makes files here; null makes such as have no mark. */
  constructor(inner: FileTree, ledger: QuotaLedger, user: string | null = null) {
    this.#inner = inner;
    this.#ledger = ledger;
    this.#owner = ledger.ownerOf(user);
    const isMarked = user !== null && ledger.hasOwners;
    this.#mark = isMarked ? { name: OWNER_VALUE, value: utf8(user) } : null;
    const { space, removeFiles, putFile: _, ...caps } = inner.caps; // a file is charged step by step
    this.caps = {
      ...caps,
      ...(removeFiles && {
        removeFiles: (folder, names) => this.#removeFiles(folder, names, removeFiles),
      }),
      space: async () => {
        const below = await space?.();
        const { limitBytes, usedBytes, freeBytes } = ledger.spaceOf(this.#owner);
        const free = Math.min(freeBytes, below?.freeBytes ?? freeBytes);
        // what is used is that of the user, where the user has a limit
        const total = this.#owner === NO_OWNER ? limitBytes : free + usedBytes;
        return { freeBytes: free, totalBytes: Math.min(total, below?.totalBytes ?? total) };
      },
    };
  }

  lookup(path: RelPath): Promise<TreeNode> {
    return this.#inner.lookup(path);
  }

  list(path: RelPath): AsyncIterable<readonly TreeEntry[]> {
    return this.#inner.list(path);
  }

  async open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile> {
    if (mode === 'read') return this.#inner.open(path, mode);
    if (mode !== 'replace') {
      const file = await this.#inner.open(path, mode);
      try {
        if (mode === 'create') await this.#markNew(path);
        return new QuotaFile(file, this.#ledger, await this.#ownerAt(path));
      } catch (failure) {
        await file.close();
        throw failure;
      }
    }
    const before = await this.#standing(path);
    const file = await this.#inner.open(path, mode);
    const place = { standing: () => this.#standing(path), owner: this.#owner, mark: this.#mark };
    return new QuotaReplacement(file, this.#ledger, place, before);
  }

  create(path: RelPath, what: NewNode): Promise<TreeNode> {
    return this.#inner.create(path, what);
  }

  setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    return this.#inner.setAttrs(path, patch);
  }

  rename(from: RelPath, to: RelPath, options: { readonly replace: boolean }): Promise<void> {
    return this.#ledger.inTurn(async () => {
      const replaced = options.replace && from !== to ? await this.#standing(to) : null;
      await this.#inner.rename(from, to, options);
      if (replaced !== null) this.#ledger.settle(-replaced.sizeBytes, replaced.owner);
    });
  }

  remove(path: RelPath): Promise<void> {
    return this.#ledger.inTurn(async () => {
      const { sizeBytes, owner } = await this.#standing(path);
      await this.#inner.remove(path);
      this.#ledger.settle(-sizeBytes, owner);
    });
  }

  #removeFiles(folder: RelPath, names: readonly Name[], remove: RemoveFiles): Promise<readonly Name[]> {
    return this.#ledger.inTurn(async () => {
      const standing = new Map<Name, Standing>();
      for (const name of names) standing.set(name, await this.#standing(joinRel(folder, name)));
      const gone = await remove(folder, names);
      for (const name of gone) {
        const { sizeBytes, owner } = standing.get(name)!;
        this.#ledger.settle(-sizeBytes, owner);
      }
      return gone;
    });
  }

  async #standing(path: RelPath): Promise<Standing> {
    try {
      const { kind, sizeBytes, linkCount } = await this.#inner.lookup(path);
      if (kind !== 'file') return { isThere: false, sizeBytes: 0, owner: this.#owner };
      const owner = await this.#ownerAt(path);
      return { isThere: true, sizeBytes: linkCount < 2 ? sizeBytes : 0, owner };
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
      return { isThere: false, sizeBytes: 0, owner: this.#owner };
    }
  }

  /** Clients lock a name before they put a file there, which makes an empty one: it is theirs too. */
  async #markNew(path: RelPath): Promise<void> {
    if (this.#mark !== null) await this.#inner.caps.values?.set(path, this.#mark.name, this.#mark.value);
  }

  async #ownerAt(path: RelPath): Promise<number> {
    const { values } = this.#inner.caps;
    if (!this.#ledger.hasOwners || values === null) return this.#ledger.unmarked;
    return this.#ledger.ownerOf(await markAt(values, path));
  }
}
