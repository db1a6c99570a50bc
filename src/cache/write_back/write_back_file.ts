import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { TreeFile, TreeNode } from '../../tree/files/file_tree.ts';
import { piecesOf, readBelow } from './content.ts';
import { sizeOf, treeNodeOf, type WbNode } from './nodes.ts';
import { syncPast, writePast } from './past_writes.ts';
import type { WriteBack } from './write_back.ts';
import { passesBy } from './write_policy.ts';

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
  /** Where the last write ended, and how much was written in order until then. */
  #runEnd = -1;
  #runBytes = 0;

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
        this.#node.isPast = true; // it may have other names
        this.#hasWritten = true;
        await gone.write(data, offset + at);
        continue;
      }
      if (await this.#writesPast(data, offset + at)) continue;
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
    const passes = () => this.#passes(sizeBytes);
    if (await writePast(this.#cache, this.#node, passes, sizeBytes, (file) => file.truncate(sizeBytes))) {
      this.#hasWritten = true;
      return;
    }
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
    this.#hasWritten = true;
    await this.#cache.changeOpen(this.#node, form);
  }

  async #writesPast(data: Uint8Array, offset: number): Promise<boolean> {
    const end = offset + data.byteLength;
    this.#runBytes = (offset === this.#runEnd ? this.#runBytes : 0) + data.byteLength;
    this.#runEnd = end;
    const passes = () => this.#passes(end);
    if (!passes()) return false;
    this.#hasWritten = true;
    const past = Math.max(end, this.#node.pastBytes);
    return writePast(this.#cache, this.#node, passes, past, (file) => file.write(data, offset));
  }

  /** Whether a write after which the file has at least that size goes past the journal. */
  #passes(endBytes: number): boolean {
    if (this.#placing !== null) return false; // a file that has no name yet is whole in the journal until it has one
    const node = this.#node;
    const sizeBytes = Math.max(endBytes, sizeOf(node), node.pastBytes);
    return passesBy(this.#cache.policy, {
      sizeBytes,
      runBytes: this.#runBytes,
      linkCount: node.attrs.linkCount,
    });
  }

  /** What was written survives a power cut, or this throws; so it does once for what could not be sent on. */
  async #settle(): Promise<void> {
    await this.#cache.sync();
    await syncPast(this.#node);
    const { trouble } = this.#node;
    this.#node.trouble = null;
    if (trouble !== null) throw trouble;
  }

  #checkWrites(): void {
    if (this.#cache.policy.writes === 'read-only')
      throw new CausewayError('CW_DISK_READ_ONLY', 'the cache was set to read-only');
    if (!this.#writes) throw new CausewayError('CW_DISK_IO', 'the file was opened for reading only');
  }
}
