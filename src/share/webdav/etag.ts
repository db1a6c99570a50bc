import { utf8 } from '../../base/bytes.ts';
import { hashBytes } from '../../base/hash.ts';
import type { TreeNode } from '../../tree/files/file_tree.ts';

const ETAG_DIGITS = 32;

/** A strong validator: a change of a file gives it a new inode, or at least new times. With its quotes. */
export function etagOf({
  id,
  sizeBytes,
  mtimeNs,
  ctimeNs,
}: Pick<TreeNode, 'id' | 'sizeBytes' | 'mtimeNs' | 'ctimeNs'>): string {
  const digest = Buffer.from(hashBytes(utf8(`${id} ${sizeBytes} ${mtimeNs} ${ctimeNs}`)));
  return `"${digest.toString('hex').slice(0, ETAG_DIGITS)}"`;
}
