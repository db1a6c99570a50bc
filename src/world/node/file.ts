import type { AttrPatch, DiskFile, Stat } from '../disk.ts';
import type { FileCaps } from '../disk_caps.ts';
import { setFileAttrs } from './attrs.ts';
import type { DiskContext } from './disk_context.ts';
import { diskError } from './disk_errors.ts';
import { FdLease } from './fd_lease.ts';
import { fileCaps } from './file_caps.ts';
import type { LentHandle } from './handle_refs.ts';
import { toStat } from './stat.ts';

/** An open regular file of this machine. */
export class NodeFile implements DiskFile {
  readonly #context: DiskContext;
  readonly #lease: FdLease;
  readonly #path: string;
  #open = true;

  /** Owns one share of `lease`; `path` is for messages. */
  constructor(context: DiskContext, lease: FdLease, path: string) {
    this.#context = context;
    this.#lease = lease;
    this.#path = path;
  }

  /** A file that another thread has open and keeps open: closing this handle leaves the descriptor alone. */
  static borrowed(context: DiskContext, fd: number, path: string): NodeFile {
    return new NodeFile(context, new FdLease(fd, async () => undefined), path);
  }

  /** Lends the descriptor to another thread: it stays open until it is given back. */
  lend(): LentHandle {
    const fd = this.#lease.enter(this.#open, this.#path);
    return { fd, lease: this.#lease, path: this.#path, giveBack: () => this.#lease.leave() };
  }

  get caps(): FileCaps {
    return fileCaps(this.#context, (operation, call) => this.#run(operation, call));
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return this.#run('read', (fd) => this.#context.calls.read(fd, into, offset));
  }

  write(bytes: Uint8Array, offset: number): Promise<number> {
    return this.#run('write', (fd) => this.#context.calls.write(fd, bytes, offset));
  }

  stat(): Promise<Stat> {
    return this.#run('inspect', async (fd) => toStat(await this.#context.calls.fstat(fd)));
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#run('set the size of', (fd) => this.#context.calls.ftruncate(fd, sizeBytes));
  }

  datasync(): Promise<void> {
    return this.#run('flush', (fd) => this.#context.calls.fdatasync(fd));
  }

  setAttrs(patch: AttrPatch): Promise<void> {
    return this.#run('set owner, mode or time of', (fd) => setFileAttrs(this.#context, fd, patch));
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    try {
      await this.#lease.release();
    } catch (thrown) {
      throw diskError('close', this.#path, thrown);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run<T>(operation: string, call: (fd: number) => Promise<T>): Promise<T> {
    const fd = this.#lease.enter(this.#open, this.#path);
    try {
      return await call(fd);
    } catch (thrown) {
      throw diskError(operation, this.#path, thrown);
    } finally {
      this.#lease.leave();
    }
  }
}
