import type { LeaseGate } from '../share/fuse/lease_desk.ts';
import { LeasedTree, type StatOf } from '../share/fuse/leased_tree.ts';
import type { FileTree } from '../tree/files/file_tree.ts';
import type { QuotaLedger } from '../tree/files/quota_ledger.ts';
import { QuotaTree } from '../tree/files/quota_tree.ts';

export interface ShareTreeParts {
  /** Null: nothing is limited. */
  readonly ledger: QuotaLedger | null;
  /** Whose new files are; null: the share's. */
  readonly maker: string | null;
  readonly leases: LeaseGate;
  readonly statOf: StatOf;
}

/**
 * The folder of a share as somebody beside its mounts has it. Leases are waited for before it is anybody's turn at the account:
 * a mount that lets go of a file may have bytes to write first, which are charged too.
 */
export function shareTree(folder: FileTree, { ledger, maker, leases, statOf }: ShareTreeParts): FileTree {
  return new LeasedTree(ledger === null ? folder : new QuotaTree(folder, ledger, maker), leases, statOf);
}
