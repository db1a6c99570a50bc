import { asCausewayError } from '../../base/errors.ts';
import type { RelPath } from '../../base/path.ts';
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
import { QuotaFile, QuotaReplacement } from './quota_file.ts';
import type { QuotaLedger } from './quota_ledger.ts';

/**
 * The same tree, whose files together get no larger than a ledger allows: CW_DISK_QUOTA, before a byte of what does not
 * fit is written. A file that replaces another one is charged with what it has more.
 */
export class QuotaTree implements FileTree {
  readonly caps: TreeCaps;
  readonly #inner: FileTree;
  readonly #ledger: QuotaLedger;

  constructor(inner: FileTree, ledger: QuotaLedger) {
    this.#inner = inner;
    this.#ledger = ledger;
    const { space } = inner.caps;
    this.caps = {
      ...inner.caps,
      space: async () => {
        const below = await space?.();
        return {
          freeBytes: Math.min(ledger.freeBytes, below?.freeBytes ?? ledger.freeBytes),
          totalBytes: Math.min(ledger.limitBytes, below?.totalBytes ?? ledger.limitBytes),
        };
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
    if (mode !== 'replace') return new QuotaFile(await this.#inner.open(path, mode), this.#ledger);
    const replacedBytes = await this.#sizeAt(path);
    const file = await this.#inner.open(path, mode);
    return new QuotaReplacement(file, this.#ledger, replacedBytes, () => this.#sizeAt(path));
  }

  create(path: RelPath, what: NewNode): Promise<TreeNode> {
    return this.#inner.create(path, what);
  }

  setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    return this.#inner.setAttrs(path, patch);
  }

  rename(from: RelPath, to: RelPath, options: { readonly replace: boolean }): Promise<void> {
    return this.#ledger.inTurn(async () => {
      const replaced = options.replace && from !== to ? await this.#sizeAt(to) : 0;
      await this.#inner.rename(from, to, options);
      this.#ledger.settle(-replaced);
    });
  }

  remove(path: RelPath): Promise<void> {
    return this.#ledger.inTurn(async () => {
      const sizeBytes = await this.#sizeAt(path);
      await this.#inner.remove(path);
      this.#ledger.settle(-sizeBytes);
    });
  }

  /** What goes with the last name of the file there. */
  async #sizeAt(path: RelPath): Promise<number> {
    try {
      const { kind, sizeBytes, linkCount } = await this.#inner.lookup(path);
      return kind === 'file' && linkCount < 2 ? sizeBytes : 0;
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return 0;
      throw failure;
    }
  }
}
