import { CausewayError } from '../../base/errors.ts';
import { joinRel, type RelPath, ROOT_PATH } from '../../base/path.ts';
import type { FileTree, TreeNode } from './file_tree.ts';

/**
 * How many bytes the files of a tree have together, by their sizes, and how many they may have. A file with several names
 * counts once.
 */
export class QuotaLedger {
  readonly limitBytes: number;
  #usedBytes: number;
  #last: Promise<void> = Promise.resolve();

  constructor(limitBytes: number, usedBytes: number) {
    this.limitBytes = limitBytes;
    this.#usedBytes = usedBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get freeBytes(): number {
    return Math.max(0, this.limitBytes - this.#usedBytes);
  }

  /** CW_DISK_QUOTA where growth does not fit; what is given back always does. */
  charge(bytes: number): void {
    if (bytes > 0 && this.#usedBytes + bytes > this.limitBytes)
      throw new CausewayError('CW_DISK_QUOTA', 'the quota of the share is used up');
    this.#usedBytes = Math.max(0, this.#usedBytes + bytes);
  }

  /** What has happened already, whether it fits or not. */
  settle(bytes: number): void {
    this.#usedBytes = Math.max(0, this.#usedBytes + bytes);
  }

  /** What a new measurement found. */
  correct(usedBytes: number): void {
    this.#usedBytes = usedBytes;
  }

  /** Looks and changes that belong together: none of another caller comes between them. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.then(
      () => undefined,
      () => undefined, // its caller learns of the failure; the next one has its turn all the same
    );
    return turn;
  }
}

/** The sizes of all files below the root; symlinks are not followed. Folders that vanish meanwhile count as they were read. */
export async function measureTree(tree: FileTree): Promise<number> {
  const counted = new Set<string>();
  const pending: RelPath[] = [ROOT_PATH];
  let sum = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for await (const { name, node } of tree.list(path)) {
      if (node.kind === 'directory') pending.push(joinRel(path, name));
      else if (node.kind === 'file' && isFirst(counted, node)) sum += node.sizeBytes;
    }
  }
  return sum;
}

function isFirst(counted: Set<string>, node: TreeNode): boolean {
  if (node.linkCount < 2) return true;
  if (counted.has(node.id)) return false;
  counted.add(node.id);
  return true;
}
