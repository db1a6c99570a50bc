import { CausewayError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { TreeFile } from '../../../tree/files/file_tree.ts';
import { O_ACCESS, O_DSYNC } from '../protocol.ts';
import { writtenBody } from './tree_answers.ts';
import type { TreeRequest } from './tree_request.ts';

const WRITE_IN_BYTES = 40;
const EMPTY = new Uint8Array(0);

interface OpenTreeFile {
  readonly nodeId: number;
  readonly file: TreeFile;
  readonly isWritable: boolean;
  /** Each write is to be durable when it returns (O_SYNC, O_DSYNC). */
  readonly syncs: boolean;
  hasWritten: boolean;
}

/** Files of a tree that programs have open, by their handles. */
export class TreeFiles {
  readonly #open = new Map<number, OpenTreeFile>();
  readonly #byNode = new Map<number, Set<OpenTreeFile>>();
  #last = 0;

  get size(): number {
    return this.#open.size;
  }

  /** `flags` are those of open(2). */
  add(nodeId: number, file: TreeFile, flags: number): number {
    this.#last += 1;
    const isWritable = (flags & O_ACCESS) !== 0;
    const open = { nodeId, file, isWritable, syncs: (flags & O_DSYNC) !== 0, hasWritten: false };
    this.#open.set(this.#last, open);
    const others = this.#byNode.get(nodeId) ?? new Set();
    this.#byNode.set(nodeId, others.add(open));
    return this.#last;
  }

  /** Any open file of the node; null where nobody has it open. */
  openOf(nodeId: number): TreeFile | null {
    for (const { file } of this.#byNode.get(nodeId) ?? []) return file;
    return null;
  }

  /** What to write through: that handle, or any of the node. Null where there is none. */
  writerOf(nodeId: number, handle: number | null): TreeFile | null {
    const own = handle === null ? undefined : this.#open.get(handle);
    const all = own === undefined ? (this.#byNode.get(nodeId) ?? []) : [own];
    for (const open of all) {
      if (!open.isWritable || open.nodeId !== nodeId) continue;
      open.hasWritten = true;
      return open.file;
    }
    return null;
  }

  async read(request: TreeRequest): Promise<Uint8Array> {
    const { file } = this.#of(request);
    const wanted = Math.min(request.u32(16), LIMITS.mountReadMaxBytes.value);
    const into = new Uint8Array(wanted);
    return into.subarray(0, await file.read(into, Number(request.i64(8))));
  }

  async write(request: TreeRequest): Promise<Uint8Array> {
    const open = this.#of(request);
    const sizeBytes = request.u32(16);
    const bytes = request.body.subarray(WRITE_IN_BYTES, WRITE_IN_BYTES + sizeBytes);
    if (bytes.byteLength < sizeBytes) throw new CausewayError('CW_DISK_NAME', 'a write is too short');
    open.hasWritten = true;
    await open.file.write(bytes, Number(request.i64(8)));
    if (open.syncs) await open.file.publish();
    return writtenBody(sizeBytes);
  }

  /** Of each close(2): tells what went wrong with what was written. */
  async flush(request: TreeRequest): Promise<Uint8Array> {
    const open = this.#of(request);
    if (open.hasWritten) await open.file.publish();
    return EMPTY;
  }

  async sync(request: TreeRequest): Promise<Uint8Array> {
    await this.#of(request).file.publish();
    return EMPTY;
  }

  async release(request: TreeRequest): Promise<Uint8Array> {
    const handle = request.id(0);
    const open = this.#of(request);
    this.#open.delete(handle);
    const others = this.#byNode.get(open.nodeId);
    others?.delete(open);
    if (others?.size === 0) this.#byNode.delete(open.nodeId);
    await open.file.close();
    return EMPTY;
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    this.#byNode.clear();
    await Promise.allSettled(all.map(({ file }) => file.close()));
  }

  #of(request: TreeRequest): OpenTreeFile {
    const open = this.#open.get(request.id(0));
    if (open === undefined) throw new CausewayError('CW_DISK_IO', 'the file is not open');
    return open;
  }
}
