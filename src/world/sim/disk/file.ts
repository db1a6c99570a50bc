import { assert } from '../../../base/assert.ts';
import type { AttrPatch, DiskFile, OpenMode, Stat } from '../../disk.ts';
import type { FileCaps } from '../../disk_caps.ts';
import type { Resource } from '../process.ts';
import { type SimSource, simFileCaps } from './caps.ts';
import type { FileInode } from './inode.ts';
import type { Located } from './mounts.ts';
import { checkOpen, type DiskPort } from './port.ts';

/** An open file of one process. */
export class SimFile implements DiskFile, SimSource, Resource {
  readonly label: string;
  readonly #port: DiskPort;
  readonly #at: Located<FileInode>;
  readonly #name: string;
  readonly #mode: OpenMode;
  #open = true;

  constructor(port: DiskPort, at: Located<FileInode>, name: string, mode: OpenMode) {
    this.#port = port;
    this.#at = at;
    this.#name = name;
    this.#mode = mode;
    this.label = `file ${name}`;
    port.process.hold(this);
  }

  abandon(): void {
    this.#open = false;
  }

  get caps(): FileCaps {
    const check = (writes: boolean): void =>
      writes ? this.#checkWritable() : checkOpen(this.#open, this.#name);
    return simFileCaps({ port: this.#port, at: this.#at, name: this.#name, check });
  }

  /** What a copy between files reads from. */
  get source(): Located<FileInode> {
    checkOpen(this.#open, this.#name);
    return this.#at;
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    assert(offset >= 0, 'an offset is not negative');
    const { injector } = this.#port.parts;
    const action = (): number => {
      checkOpen(this.#open, this.#name);
      const limit = injector.shorten('read', into.byteLength);
      const count = this.#at.inode.content.read(into, offset, limit);
      injector.flipRead(into.subarray(0, count));
      return count;
    };
    return this.#port.run('read', 'read', this.#name, action, offset + into.byteLength);
  }

  write(bytes: Uint8Array, offset: number): Promise<number> {
    assert(offset >= 0, 'an offset is not negative');
    const { injector } = this.#port.parts;
    const action = (): number => {
      this.#checkWritable();
      const part = bytes.subarray(0, injector.shorten('write', bytes.byteLength));
      return this.#at.fileSystem.write(this.#at.inode, injector.stored(part), offset);
    };
    return this.#port.run('write', 'write', this.#name, action, offset + bytes.byteLength);
  }

  stat(): Promise<Stat> {
    return this.#port.run('stat', 'metadata', this.#name, () => {
      checkOpen(this.#open, this.#name);
      return this.#at.fileSystem.stat(this.#at.inode);
    });
  }

  truncate(sizeBytes: number): Promise<void> {
    assert(sizeBytes >= 0, 'a size is not negative');
    const action = (): void => {
      this.#checkWritable();
      this.#at.fileSystem.truncate(this.#at.inode, sizeBytes);
    };
    return this.#port.run('truncate', 'write', this.#name, action, sizeBytes);
  }

  datasync(): Promise<void> {
    const { injector } = this.#port.parts;
    const action = (): void => {
      checkOpen(this.#open, this.#name);
      try {
        injector.mayFail('sync', this.#name);
      } catch (failure) {
        this.#at.inode.content.forget();
        throw failure;
      }
      this.#at.fileSystem.syncFile(this.#at.inode);
    };
    return this.#port.runRaw('datasync', 'sync', this.#name, action);
  }

  setAttrs(patch: AttrPatch): Promise<void> {
    return this.#port.run('set-attrs', 'metadata', this.#name, () => {
      checkOpen(this.#open, this.#name);
      this.#port.checkOwner(this.#at.inode, patch, this.#name);
      this.#at.fileSystem.setAttrs(this.#at.inode, patch);
    });
  }

  close(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    return this.#port.runRaw('close-file', 'metadata', this.#name, () => {
      this.#open = false;
      this.#port.process.release(this);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkWritable(): void {
    checkOpen(this.#open, this.#name);
    assert(this.#mode !== 'read', `${this.#name} was opened for reading only`);
  }
}
