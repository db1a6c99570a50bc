import type { Name } from '../../base/path.ts';
import type { TreeNode } from './file_tree.ts';

/** What a {@link MemoryTree} holds of one node. */
export interface MemoryNode {
  readonly number: number;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly target: string | null;
  readonly children: Map<Name, MemoryNode>;
  readonly values: Map<string, Uint8Array>;
  /** 0 once its name is gone, or another node's. */
  linkCount: 0 | 1;
  bytes: Uint8Array;
  sizeBytes: number;
  mode: number;
  userId: number;
  groupId: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
}

export function memoryView(node: MemoryNode, inListing = false): TreeNode {
  const { kind, sizeBytes, mode, userId, groupId, mtimeNs, ctimeNs, linkCount } = node;
  return {
    id: `memory:${node.number}`,
    kind,
    sizeBytes: kind === 'symlink' ? Buffer.byteLength(node.target ?? '') : sizeBytes,
    allocatedBytes: sizeBytes,
    mode,
    userId,
    groupId,
    mtimeNs,
    ctimeNs,
    linkCount,
    target: inListing ? null : node.target,
  };
}

/** Makes room for `sizeBytes`, in steps that grow with the file; what is new reads as zeros. */
export function resizeMemory(node: MemoryNode, sizeBytes: number): void {
  if (sizeBytes > node.bytes.byteLength) {
    const grown = new Uint8Array(Math.max(sizeBytes, node.bytes.byteLength * 2, 256));
    grown.set(node.bytes.subarray(0, node.sizeBytes));
    node.bytes = grown;
  } else if (sizeBytes < node.sizeBytes) node.bytes.fill(0, sizeBytes, node.sizeBytes);
  node.sizeBytes = sizeBytes;
}
