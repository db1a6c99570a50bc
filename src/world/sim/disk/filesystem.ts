import type { AttrPatch, EntryKind, SpaceInfo, Stat } from '../../disk.ts';
import type { Dice } from '../dice.ts';
import { PAGE_BYTES } from './content.ts';
import { diskError } from './failure.ts';
import { DirInode, FileInode, Inode, LinkInode, type Xattrs } from './inode.ts';
import { commitDir, crashTree, drawCrashMode, isDir } from './stability.ts';

export interface FileSystemOptions {
  /** Names the file system in {@link Stat.deviceId}. */
  readonly deviceId: string;
  readonly capacityBytes: number;
  /** The machine's wall clock. */
  readonly wallMs: () => number;
  /** Called with an inode whose content a name shows, after the content changed, and with the names themselves. */
  readonly onChange: (fileSystem: FileSystem, dir: DirInode | null, name: string) => void;
  readonly dice: Dice;
}

/** Two stamps closer than this are told apart by a microsecond, as if the clock had moved. */
const STAMP_CROWD_MS = 100;

/** One in-memory file system: names, content, space, and what of it a power cut keeps. Nothing here waits. */
export class FileSystem {
  readonly deviceId: string;
  readonly root: DirInode;
  readonly listingDice: Dice;
  readonly #crashDice: Dice;
  readonly #options: FileSystemOptions;
  readonly #unstableDirs = new Set<DirInode>();
  readonly #unstableFiles = new Set<FileInode>();
  #nextInode = 2;
  #sequence = 0;
  #lastStampMs = 0;
  #usedPages = 0;
  capacityBytes: number;
  readOnly = false;
  /** An episode of a full disk: nothing new fits. */
  full = false;

  constructor(options: FileSystemOptions) {
    this.#options = options;
    this.deviceId = options.deviceId;
    this.capacityBytes = options.capacityBytes;
    this.listingDice = options.dice.fork('listing');
    this.#crashDice = options.dice.fork('power cut');
    this.root = new DirInode(1, 0o755, this.stamp());
  }

  /** The time for mtime and ctime: the wall clock, moved on by a microsecond where it stands still. */
  stamp(): number {
    const wallMs = this.#options.wallMs();
    const crowded = wallMs <= this.#lastStampMs && this.#lastStampMs - wallMs < STAMP_CROWD_MS;
    this.#lastStampMs = crowded ? this.#lastStampMs + 0.001 : wallMs;
    return this.#lastStampMs;
  }

  get freePages(): number {
    if (this.full) return 0;
    return Math.max(0, Math.floor(this.capacityBytes / PAGE_BYTES) - this.#usedPages);
  }

  space(): SpaceInfo {
    return {
      freeBytes: this.freePages * PAGE_BYTES,
      totalBytes: this.capacityBytes,
      fileSystem: 'simfs',
      readOnly: this.readOnly,
    };
  }

  stat(inode: Inode): Stat {
    return inode.stat(this.deviceId);
  }

  /** Throws CW_DISK_READ_ONLY, and CW_DISK_FULL where `grows` and nothing is free. */
  checkWritable(name: string, grows: boolean): void {
    if (this.readOnly) throw diskError('CW_DISK_READ_ONLY', name);
    if (grows && this.freePages === 0) throw diskError('CW_DISK_FULL', name);
  }

  createFile(dir: DirInode, name: string, mode: number): FileInode {
    return this.#add(dir, name, new FileInode(this.#number(), mode & 0o7777, this.stamp()));
  }

  makeDir(dir: DirInode, name: string, mode: number): DirInode {
    return this.#add(dir, name, new DirInode(this.#number(), mode & 0o7777, this.stamp()));
  }

  makeSymlink(dir: DirInode, name: string, target: string): LinkInode {
    return this.#add(dir, name, new LinkInode(this.#number(), target, this.stamp()));
  }

  /** A FIFO, socket or device: listed, never opened. */
  makeOther(dir: DirInode, name: string, kind: EntryKind = 'other'): Inode {
    return this.#add(dir, name, new Inode(this.#number(), kind, 0o644, this.stamp()));
  }

  /** One more name for an entry. */
  link(inode: Inode, dir: DirInode, name: string): void {
    this.#change([{ dir, name, inode }]);
    inode.addName(dir, name);
    inode.ctimeMs = this.stamp();
    dir.touch(this.stamp());
    this.#options.onChange(this, dir, name);
  }

  remove(dir: DirInode, name: string, inode: Inode): void {
    this.#change([{ dir, name, inode: null }]);
    this.#unlink(dir, name, inode);
    dir.touch(this.stamp());
    this.#options.onChange(this, dir, name);
  }

  rename(from: DirInode, name: string, to: DirInode, toName: string, inode: Inode): void {
    const replaced = to.entries.get(toName);
    if (replaced === inode) return;
    this.#change([
      { dir: from, name, inode: null },
      { dir: to, name: toName, inode },
    ]);
    if (replaced) this.#unlink(to, toName, replaced);
    inode.removeName(from, name);
    inode.addName(to, toName);
    inode.ctimeMs = this.stamp();
    from.touch(this.stamp());
    to.touch(this.stamp());
    this.#options.onChange(this, from, name);
    this.#options.onChange(this, to, toName);
  }

  /** Writes as much as there is space for; CW_DISK_FULL where that is nothing. */
  write(file: FileInode, bytes: Uint8Array, offset: number): number {
    this.checkWritable(file.name, false);
    const before = file.content.allocatedPages;
    const count = file.content.fits(offset, bytes.byteLength, this.freePages);
    if (count === 0 && bytes.byteLength > 0) throw diskError('CW_DISK_FULL', file.name);
    file.content.write(bytes.subarray(0, count), offset, this.#tick());
    this.#contentChanged(file, before);
    return count;
  }

  truncate(file: FileInode, sizeBytes: number): void {
    this.checkWritable(file.name, false);
    const before = file.content.allocatedPages;
    file.content.truncate(sizeBytes, this.#tick());
    this.#contentChanged(file, before);
  }

  /** Frees the range and makes it zeros. */
  punchHole(file: FileInode, offset: number, lengthBytes: number): void {
    this.checkWritable(file.name, false);
    const before = file.content.allocatedPages;
    file.content.punch(offset, offset + lengthBytes, this.#tick());
    this.#contentChanged(file, before);
  }

  /** Reserves what is missing of the range, in whole or not at all. */
  allocate(file: FileInode, offset: number, lengthBytes: number): void {
    this.checkWritable(file.name, false);
    const before = file.content.allocatedPages;
    const fits = file.content.fits(offset, lengthBytes, this.freePages);
    if (fits < lengthBytes) throw diskError('CW_DISK_FULL', file.name);
    file.content.allocate(offset, offset + lengthBytes, this.#tick());
    this.#contentChanged(file, before);
  }

  setXattrs(inode: Inode, xattrs: Xattrs): void {
    this.checkWritable(inode.name, false);
    inode.setXattrs(xattrs, this.stamp());
  }

  setAttrs(inode: Inode, patch: AttrPatch): void {
    this.checkWritable(inode.name, false);
    inode.setAttrs(patch, this.stamp());
  }

  syncFile(file: FileInode): void {
    file.content.commit();
    file.commitAttrs();
    if (!file.content.dirty) this.#unstableFiles.delete(file);
  }

  syncDir(dir: DirInode): void {
    commitDir(dir);
    if (dir.pending.length === 0) this.#unstableDirs.delete(dir);
  }

  syncAll(): void {
    for (const file of [...this.#unstableFiles]) this.syncFile(file);
    for (const dir of [...this.#unstableDirs]) this.syncDir(dir);
    const visit = (dir: DirInode): void => {
      dir.commitAttrs();
      for (const inode of dir.entries.values()) isDir(inode) ? visit(inode) : inode.commitAttrs();
    };
    visit(this.root);
  }

  /** A flush of the whole that failed. */
  forgetUnstable(): void {
    for (const file of this.#unstableFiles) file.content.forget();
  }

  /** Loses, tears or keeps by chance what was not flushed. */
  powerCut(): void {
    const mode = drawCrashMode(this.#crashDice, this.#sequence);
    const reached = crashTree(this.root, this.#unstableDirs, mode, this.#crashDice);
    this.#unstableFiles.clear();
    this.root.commitAttrs();
    this.#usedPages = 0;
    for (const inode of reached) this.#usedPages += pagesOf(inode);
    this.#options.onChange(this, null, '');
  }

  #add<T extends Inode>(dir: DirInode, name: string, inode: T): T {
    this.#usedPages += pagesOf(inode);
    this.#change([{ dir, name, inode }]);
    inode.addName(dir, name);
    dir.touch(this.stamp());
    this.#options.onChange(this, dir, name);
    return inode;
  }

  #change(edits: readonly { dir: DirInode; name: string; inode: Inode | null }[]): void {
    const change = { sequence: this.#tick(), edits, committed: false };
    for (const { dir, name, inode } of edits) {
      if (inode === null) dir.entries.delete(name);
      else dir.entries.set(name, inode);
      if (dir.pending.at(-1) !== change) dir.pending.push(change);
      this.#unstableDirs.add(dir);
    }
  }

  #unlink(dir: DirInode, name: string, inode: Inode): void {
    inode.removeName(dir, name);
    inode.ctimeMs = this.stamp();
    if (inode.parent !== null) return;
    this.#usedPages -= pagesOf(inode);
    if (inode instanceof FileInode) this.#unstableFiles.delete(inode);
  }

  #contentChanged(file: FileInode, pagesBefore: number): void {
    file.touch(this.stamp());
    if (file.parent === null) return;
    this.#usedPages += file.content.allocatedPages - pagesBefore;
    this.#unstableFiles.add(file);
    this.#options.onChange(this, file.parent, file.name);
    for (const { dir, name } of file.otherNames) this.#options.onChange(this, dir, name);
  }

  #number(): number {
    this.#nextInode += 1;
    return this.#nextInode;
  }

  #tick(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}

function pagesOf(inode: Inode): number {
  return inode instanceof FileInode ? inode.content.allocatedPages : 1;
}
