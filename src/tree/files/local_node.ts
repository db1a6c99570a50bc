import type { Stat } from '../../world/disk.ts';
import type { TreeNode } from './file_tree.ts';

/** A node of a machine's file system; its identity is that of its inode. */
export function nodeOf(stat: Stat, target: string | null = null): TreeNode {
  const { kind, sizeBytes, allocatedBytes, mode, userId, groupId, mtimeNs, ctimeNs, linkCount } = stat;
  return {
    id: `${stat.deviceId}:${stat.inode}`,
    kind,
    sizeBytes,
    allocatedBytes,
    mode,
    userId,
    groupId,
    mtimeNs,
    ctimeNs,
    linkCount,
    target,
  };
}
