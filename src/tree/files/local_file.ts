import { CausewayError } from '../../base/errors.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';
import type { TreeFile, TreeFileHandle, TreeNode } from './file_tree.ts';
import { nodeOf } from './local_node.ts';

/** An open file of a machine, which moves fewer bytes than asked only at the end of the file. */
export class LocalFile implements TreeFile {
  readonly handle?: TreeFileHandle;
  readonly #file: DiskFile;

  /** With `offload` threads may read it. */
  constructor(file: DiskFile, offload: Offload | null = null) {
    this.#file = file;
    if (offload !== null) this.handle = { file, offload };
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return readFully(this.#file, into, offset);
  }

  write(bytes: Uint8Array, offset: number): Promise<void> {
    return writeFully(this.#file, bytes, offset);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#file.truncate(sizeBytes);
  }

  async publish(): Promise<TreeNode> {
    await this.#file.datasync();
    return this.node();
  }

  async node(): Promise<TreeNode> {
    return nodeOf(await this.#file.stat());
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export async function readFully(file: DiskFile, into: Uint8Array, offset: number): Promise<number> {
  let done = 0;
  while (done < into.byteLength) {
    const count = await file.read(done === 0 ? into : into.subarray(done), offset + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

export async function writeFully(file: DiskFile, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const count = await file.write(done === 0 ? bytes : bytes.subarray(done), offset + done);
    if (count <= 0) throw new CausewayError('CW_DISK_IO', 'the device took no byte of a write');
    done += count;
  }
}
