import type { TreeFile, TreeNode } from './file_tree.ts';
import { type MemoryNode, memoryView, resizeMemory } from './memory_nodes.ts';

export interface MemoryFilePorts {
  readonly touch: (node: MemoryNode) => void;
  /** Puts the node under its name; null where it stands there from the start. */
  readonly place: (() => void) | null;
  readonly isWritable: boolean;
  readonly refuse: () => never;
}

/** An open file of a {@link MemoryTree}. */
export class MemoryFile implements TreeFile {
  readonly #node: MemoryNode;
  readonly #ports: MemoryFilePorts;
  #isPlaced = false;

  constructor(node: MemoryNode, ports: MemoryFilePorts) {
    this.#node = node;
    this.#ports = ports;
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    const part = this.#node.bytes.subarray(
      Math.min(offset, this.#node.sizeBytes),
      Math.min(offset + into.byteLength, this.#node.sizeBytes),
    );
    into.set(part);
    return part.byteLength;
  }

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    if (!this.#ports.isWritable) this.#ports.refuse();
    if (bytes.byteLength === 0) return;
    resizeMemory(this.#node, Math.max(this.#node.sizeBytes, offset + bytes.byteLength));
    this.#node.bytes.set(bytes, offset);
    this.#ports.touch(this.#node);
  }

  async truncate(sizeBytes: number): Promise<void> {
    if (!this.#ports.isWritable) this.#ports.refuse();
    resizeMemory(this.#node, sizeBytes);
    this.#ports.touch(this.#node);
  }

  async publish(): Promise<TreeNode> {
    if (!this.#isPlaced) this.#ports.place?.();
    this.#isPlaced = true; // from then on it may have another name, or none
    return this.node();
  }

  async node(): Promise<TreeNode> {
    return memoryView(this.#node);
  }

  async close(): Promise<void> {
    // what was not placed is garbage
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
