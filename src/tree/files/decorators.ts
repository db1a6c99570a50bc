import { CausewayError } from '../../base/errors.ts';
import type { FileTree } from './file_tree.ts';
import { type Ask, PermittedTree } from './permitted_tree.ts';

/** The same tree, in which nothing can be changed: CW_DISK_READ_ONLY. */
export function readOnly(tree: FileTree): FileTree {
  return new PermittedTree(
    tree,
    ({ changes }) => {
      if (changes) throw new CausewayError('CW_DISK_READ_ONLY', 'this tree is read-only');
    },
    { readOnly: true },
  );
}

/**
 * The same tree for one user: every single call is decided, so that a right that is withdrawn ends with the next call.
 * CW_ACCESS_DENIED.
 */
export function accessOf(tree: FileTree, allows: (ask: Ask) => boolean): FileTree {
  return new PermittedTree(tree, (ask) => {
    if (!allows(ask)) throw new CausewayError('CW_ACCESS_DENIED', `no right to ${ask.verb} there`);
  });
}

/** The same tree as long as `check` does not throw: for a folder that may be unmounted or moved away. */
export function whilePresent(tree: FileTree, check: () => Promise<void>): FileTree {
  return new PermittedTree(tree, check);
}
