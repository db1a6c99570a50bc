import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { TreeFile, TreeNode } from '../../tree/files/file_tree.ts';
import { piecesOf, readBelow } from './content.ts';
import { attrsOf, baseOf, treeNodeOf, type WbNode } from './nodes.ts';
import type { WriteBack } from './write_back.ts';

/** Where a file that replaces another one is to stand. */
export interface Placing {
  /** Puts it there. */
  readonly place: () => Promise<void>;
}

/** An open file of a {@link WriteBackTree}. */
export class WriteBackFile implements TreeFile {
  readonly #cache: WriteBack;
  readonly #node: WbNode;
  readonly #writes: boolean;
  #placing: Placing | null;
  #isOpen = true;
  #hasWritten = false;

  /** The node is held by the caller and released by {@link close}. */
  constructor(cache: WriteBack, node: WbNode, writes: boolean, placing: Placing | null, isNew = false) {
    this.#cache = cache;
    this.#node = node;
    this.#writes = writes;
    this.#placing = placing;
    this.#hasWritten = isNew;
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    for (let tries = 0; tries < LIMITS.writeBackTriesMax.value; tries += 1) {
      const count = await this.#readOnce(into, offset);
      if (count !== null) return count;
    }
    throw new CausewayError('CW_CACHE_JOURNAL', 'the journal does not hold what was written to the file');
  }

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    this.#checkWrites();
    const step = LIMITS.writeBackPieceMaxBytes.value;
    for (let at = 0; at < bytes.byteLength; at += step) {
      const data = bytes.subarray(at, at + step);
      const gone = this.#goneFile();
      if (gone !== null) {
        await gone.write(data, offset + at);
        continue;
      }
      await this.#cache.flusher.room(data.byteLength);
      const atMs = this.#cache.wallMs();
      await this.#change((ref) => ({
        change: { do: 'write', ref, offset: offset + at, sizeBytes: data.byteLength, atMs },
        data,
      }));
    }
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#checkWrites();
    const gone = this.#goneFile();
    if (gone !== null) return gone.truncate(sizeBytes);
    await this.#cache.flusher.room(0);
    await this.#change((ref) => ({
      change: { do: 'truncate', ref, sizeBytes, atMs: this.#cache.wallMs() },
    }));
  }

  async publish(): Promise<TreeNode> {
    const placing = this.#placing;
    this.#placing = null;
    try {
      await placing?.place();
    } catch (failure) {
      this.#placing = placing;
      throw failure;
    }
    await this.#settle();
    return this.node();
  }

  async node(): Promise<TreeNode> {
    const node = this.#node;
    const { farFile } = node;
    const isHere = node.layers.length > 0 || (node.ref !== 0 && node.near !== null) || this.#placing !== null;
    if (isHere || (farFile === null && node.far === null)) return treeNodeOf(node);
    const there = farFile ? await farFile.file.node() : await this.#cache.far.lookup(node.far as RelPath);
    return { ...there, id: node.id };
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      if (this.#placing !== null) await this.#cache.discard(this.#node);
      else if (this.#hasWritten) await this.#settle();
    } finally {
      await this.#cache.release(this.#node);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The file over there of which nothing waits and which has no name any more: it goes with its last user. */
  #goneFile(): TreeFile | null {
    const { near, far, layers, ops, farFile } = this.#node;
    const isGone = near === null && far === null && layers.length === 0 && ops.length === 0;
    return isGone && farFile?.writes ? farFile.file : null;
  }

  /** Null where something of it went to the far tree meanwhile. */
  async #readOnce(into: Uint8Array, offset: number): Promise<number | null> {
    const node = this.#node;
    const layers = [...node.layers];
    const far = node.far === null && node.farFile === null ? null : await this.#cache.farFileOf(node);
    if (layers.length === 0) {
      if (far === null) return node.layers.length === 0 ? 0 : null;
      return far.read(into, offset);
    }
    let end = offset;
    for (const { from, to, source } of piecesOf(layers, offset, offset + into.byteLength)) {
      const part = into.subarray(from - offset, to - offset);
      if (source === 'zeros') part.fill(0);
      else if (source === 'below') await readBelow(far, part, from);
      else {
        const bytes = await this.#cache.bytesOf(source, from, to);
        if (bytes === null) return null;
        part.set(bytes);
      }
      end = to;
    }
    return end - offset;
  }

  async #change(form: (ref: number) => ReturnType<Parameters<WriteBack['change']>[1]>): Promise<void> {
    const node = this.#node;
    this.#hasWritten = true;
    if (node.ref === 0) {
      // nothing of it waits: what it is over there now is what this changes
      const before = node.base;
      const there = (await (await this.#cache.farFileOf(node))?.node()) ?? null;
      await this.#cache.change(node, form, () => {
        if (there === null || node.base !== before) return;
        node.base = baseOf(there);
        node.attrs = attrsOf(there);
      });
    } else await this.#cache.change(node, form);
  }

  /** What was written survives a power cut, or this throws; so it does once for what could not be sent on. */
  async #settle(): Promise<void> {
    await this.#cache.sync();
    const { trouble } = this.#node;
    this.#node.trouble = null;
    if (trouble !== null) throw trouble;
  }

  #checkWrites(): void {
    if (!this.#writes) throw new CausewayError('CW_DISK_IO', 'the file was opened for reading only');
  }
}
