import { assert } from '../../../base/assert.ts';
import type { Name } from '../../../base/path.ts';
import type { AttrPatch, Dir, DirEntry, DiskFile, OpenMode, SpaceInfo, Stat } from '../../disk.ts';
import type { DirCaps } from '../../disk_caps.ts';
import type { Resource } from '../process.ts';
import { simXattrs } from './caps.ts';
import { diskError } from './failure.ts';
import { SimFile } from './file.ts';
import { type DirInode, FileInode, type Inode, LinkInode } from './inode.ts';
import { orderOfListing } from './listing.ts';
import type { Located } from './mounts.ts';
import { checkOpen, type DiskPort } from './port.ts';
import { checkRename } from './rename.ts';
import { isDir } from './stability.ts';

const DEFAULT_FILE_MODE = 0o644;
const DEFAULT_DIR_MODE = 0o755;

/** An open directory of one process. */
export class SimDir implements Dir, Resource {
  readonly label: string;
  readonly #port: DiskPort;
  readonly #at: Located<DirInode>;
  #open = true;

  constructor(port: DiskPort, at: Located<DirInode>) {
    this.#port = port;
    this.#at = at;
    this.label = `folder ${at.inode.name || '/'}`;
    port.process.hold(this);
  }

  abandon(): void {
    this.#open = false;
  }

  get caps(): DirCaps {
    return {
      owners: true,
      links: { link: (name, toDir, toName) => this.#link(name, toDir, toName) },
      xattrsOf: (name) =>
        simXattrs({ port: this.#port, name, at: () => this.#port.parts.mounts.across(this.#entry(name)) }),
      ownXattrs: simXattrs({ port: this.#port, name: this.label, at: () => this.#at }),
      again: null,
    };
  }

  async *list(): AsyncIterable<DirEntry> {
    const entries = await this.#port.run('list', 'metadata', this.label, () => {
      this.#check(4, this.label);
      return orderOfListing(this.#at.inode, this.#at.fileSystem.listingDice);
    });
    yield* entries;
  }

  stat(name: Name): Promise<Stat> {
    return this.#port.run('stat', 'metadata', name, () => {
      const { fileSystem, inode } = this.#port.parts.mounts.across(this.#entry(name));
      return fileSystem.stat(inode);
    });
  }

  readLink(name: Name): Promise<string> {
    return this.#port.run('read-link', 'metadata', name, () => {
      const { inode } = this.#entry(name);
      if (!(inode instanceof LinkInode)) throw diskError('CW_DISK_IO', name);
      return inode.target;
    });
  }

  openFile(name: Name, mode: OpenMode, permission = DEFAULT_FILE_MODE): Promise<DiskFile> {
    return this.#port.run('open-file', 'metadata', name, () => {
      this.#check(1, name);
      const inode = this.#fileToOpen(name, mode, permission);
      return new SimFile(this.#port, { fileSystem: this.#at.fileSystem, inode }, name, mode);
    });
  }

  openDir(name: Name): Promise<Dir> {
    return this.#port.run('open-dir', 'metadata', name, () => {
      const { fileSystem, inode } = this.#port.parts.mounts.across(this.#entry(name));
      if (inode instanceof LinkInode) throw diskError('CW_DISK_SYMLINK', name);
      if (!isDir(inode)) throw diskError('CW_DISK_NOT_DIRECTORY', name);
      this.#port.checkAccess(inode, 4, name);
      return new SimDir(this.#port, { fileSystem, inode });
    });
  }

  makeDir(name: Name, permission = DEFAULT_DIR_MODE): Promise<void> {
    return this.#port.run('make-dir', 'metadata', name, () => {
      this.#checkNew(name);
      this.#port.own(this.#at.fileSystem.makeDir(this.#at.inode, name, permission));
    });
  }

  makeSymlink(name: Name, target: string): Promise<void> {
    return this.#port.run('make-symlink', 'metadata', name, () => {
      this.#checkNew(name);
      this.#port.own(this.#at.fileSystem.makeSymlink(this.#at.inode, name, target));
    });
  }

  rename(name: Name, toDir: Dir, toName: Name): Promise<void> {
    assert(toDir instanceof SimDir, 'both folders of a rename are of one simulated disk');
    return this.#port.run('rename', 'metadata', toName, () => {
      this.#check(2, name);
      toDir.#check(2, toName);
      const { fileSystem, inode } = this.#entry(name);
      const target = toDir.#at.inode;
      if (fileSystem !== toDir.#at.fileSystem) throw diskError('CW_DISK_CROSS_DEVICE', toName);
      fileSystem.checkWritable(name, false);
      toDir.#checkAlive(toName);
      const replaced = target.entries.get(toName);
      checkRename(inode, target, replaced, toName);
      fileSystem.rename(this.#at.inode, name, target, toName, inode);
    });
  }

  #link(name: Name, toDir: Dir, toName: Name): Promise<void> {
    assert(toDir instanceof SimDir, 'both folders of a link are of one simulated disk');
    return this.#port.run('link', 'metadata', toName, () => {
      const { fileSystem, inode } = this.#entry(name);
      if (isDir(inode)) throw diskError('CW_DISK_PERMISSION', name);
      if (fileSystem !== toDir.#at.fileSystem) throw diskError('CW_DISK_CROSS_DEVICE', toName);
      toDir.#checkNew(toName);
      fileSystem.link(inode, toDir.#at.inode, toName);
    });
  }

  removeFile(name: Name): Promise<void> {
    return this.#port.run('remove-file', 'metadata', name, () => {
      this.#check(2, name);
      const { inode } = this.#entry(name);
      if (isDir(inode)) throw diskError('CW_DISK_IS_DIRECTORY', name);
      this.#at.fileSystem.checkWritable(name, false);
      this.#at.fileSystem.remove(this.#at.inode, name, inode);
    });
  }

  removeDir(name: Name): Promise<void> {
    return this.#port.run('remove-dir', 'metadata', name, () => {
      this.#check(2, name);
      const { inode } = this.#entry(name);
      if (!isDir(inode)) throw diskError('CW_DISK_NOT_DIRECTORY', name);
      if (inode.entries.size > 0) throw diskError('CW_DISK_NOT_EMPTY', name);
      this.#at.fileSystem.checkWritable(name, false);
      this.#at.fileSystem.remove(this.#at.inode, name, inode);
    });
  }

  setAttrs(name: Name, patch: AttrPatch): Promise<void> {
    return this.#port.run('set-attrs', 'metadata', name, () => {
      const { fileSystem, inode } = this.#port.parts.mounts.across(this.#entry(name));
      this.#port.checkOwner(inode, patch, name);
      fileSystem.setAttrs(inode, patch);
    });
  }

  self(): Promise<Stat> {
    return this.#port.run('stat', 'metadata', this.label, () => {
      checkOpen(this.#open, this.label);
      return this.#at.fileSystem.stat(this.#at.inode);
    });
  }

  space(): Promise<SpaceInfo> {
    return this.#port.run('space', 'metadata', this.label, () => {
      checkOpen(this.#open, this.label);
      return this.#at.fileSystem.space();
    });
  }

  sync(): Promise<void> {
    return this.#port.run('sync-dir', 'sync', this.label, () => {
      checkOpen(this.#open, this.label);
      this.#at.fileSystem.syncDir(this.#at.inode);
    });
  }

  syncFileSystem(): Promise<boolean> {
    const { injector } = this.#port.parts;
    return this.#port.runRaw('sync-fs', 'sync', this.label, () => {
      checkOpen(this.#open, this.label);
      if (!injector.syncFileSystemOffered) return false;
      try {
        injector.mayFail('sync', this.label);
      } catch (failure) {
        this.#at.fileSystem.forgetUnstable();
        throw failure;
      }
      this.#at.fileSystem.syncAll();
      return true;
    });
  }

  clone(): Promise<Dir> {
    return this.#port.run('clone-dir', 'metadata', this.label, () => {
      checkOpen(this.#open, this.label);
      return new SimDir(this.#port, this.#at);
    });
  }

  close(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    return this.#port.runRaw('close-dir', 'metadata', this.label, () => {
      this.#open = false;
      this.#port.process.release(this);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #check(bit: 1 | 2 | 4, name: string): void {
    checkOpen(this.#open, this.label);
    this.#port.checkAccess(this.#at.inode, bit, name);
  }

  /** Nothing can be made in a folder that was removed while it was open. */
  #checkAlive(name: string): void {
    const { fileSystem, inode } = this.#at;
    if (inode.parent === null && inode !== fileSystem.root) throw diskError('CW_DISK_NOT_FOUND', name);
  }

  #checkNew(name: string): void {
    this.#check(1, name);
    if (this.#at.inode.entries.has(name)) throw diskError('CW_DISK_EXISTS', name);
    this.#check(2, name);
    this.#checkAlive(name);
    this.#at.fileSystem.checkWritable(name, true);
  }

  #entry(name: string): Located<Inode> {
    this.#check(1, name);
    const inode = this.#at.inode.entries.get(name);
    if (!inode) throw diskError('CW_DISK_NOT_FOUND', name);
    return { fileSystem: this.#at.fileSystem, inode };
  }

  #fileToOpen(name: string, mode: OpenMode, permission: number): FileInode {
    const inode = this.#at.inode.entries.get(name);
    if (!inode) {
      if (mode === 'read' || mode === 'write') throw diskError('CW_DISK_NOT_FOUND', name);
      this.#checkNew(name);
      return this.#port.own(this.#at.fileSystem.createFile(this.#at.inode, name, permission));
    }
    if (mode === 'create') throw diskError('CW_DISK_EXISTS', name);
    if (inode instanceof LinkInode) throw diskError('CW_DISK_SYMLINK', name);
    if (isDir(inode)) throw diskError('CW_DISK_IS_DIRECTORY', name);
    if (!(inode instanceof FileInode)) throw diskError('CW_UNSUPPORTED', name);
    this.#port.checkAccess(inode, 4, name);
    if (mode !== 'read') {
      this.#port.checkAccess(inode, 2, name);
      this.#at.fileSystem.checkWritable(name, false);
    }
    return inode;
  }
}
