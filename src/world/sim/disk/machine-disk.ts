import { assert } from '../../../base/assert.ts';
import type { Disk, EntryKind, Stat } from '../../disk.ts';
import type { Dice } from '../dice.ts';
import type { FaultSwitch } from '../faults.ts';
import type { SimProcess } from '../process.ts';
import type { Scheduler } from '../scheduler.ts';
import { SimDisk } from './disk.ts';
import { FileSystem } from './filesystem.ts';
import { DiskFaultInjector } from './injector.ts';
import { type DirInode, FileInode, type Inode, LinkInode } from './inode.ts';
import { type Located, MountTable } from './mounts.ts';
import { type DiskParts, DiskPort, type FreezeKind, Freezer } from './port.ts';
import { isDir } from './stability.ts';

const DEFAULT_CAPACITY_BYTES = 1024 ** 3;

/** A symlink in a {@link TreeSpec}. */
export class TreeLink {
  readonly target: string;

  constructor(target: string) {
    this.target = target;
  }
}

/** A FIFO in a {@link TreeSpec}. */
export class TreeOther {
  readonly kind = 'other';
}

/** A tree to lay down: bytes or text are files, an object is a folder. */
export interface TreeSpec {
  readonly [name: string]: Uint8Array | string | TreeLink | TreeOther | TreeSpec;
}

export interface ListedEntry {
  readonly path: string;
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** Where a symlink points; null for others. */
  readonly target: string | null;
}

export interface MachineDiskContext {
  readonly machineName: string;
  readonly scheduler: Scheduler;
  readonly faults: FaultSwitch;
  readonly dice: Dice;
  readonly wallMs: () => number;
  readonly userId: number;
  /** No bit of this disk ever flips. */
  readonly truthful: boolean;
}

/**
 * The disk of a machine: it outlives the processes. The methods of this class act at once, past the world: they are
 * for scenarios and checkers.
 */
export class MachineDisk {
  readonly #context: MachineDiskContext;
  readonly #parts: DiskParts;
  readonly #watchers: ((path: string) => void)[] = [];
  #mounts = 0;

  constructor(context: MachineDiskContext, capacityBytes = DEFAULT_CAPACITY_BYTES) {
    this.#context = context;
    this.#parts = {
      mounts: new MountTable(this.#newFileSystem('root', capacityBytes)),
      injector: new DiskFaultInjector(context.faults, context.dice.fork('faults'), context.truthful),
      freezer: new Freezer(),
      userId: context.userId,
    };
    context.faults.onStop(() => this.heal());
  }

  /** The {@link Disk} of a process of this machine. */
  open(process: SimProcess): Disk {
    return new SimDisk(new DiskPort(process, this.#parts));
  }

  /** Puts another file system over the folder at `path`, made where missing. */
  mount(path: string, capacityBytes = DEFAULT_CAPACITY_BYTES): void {
    this.#mounts += 1;
    const at = this.#makePath(path);
    at.fileSystem.syncAll();
    this.#parts.mounts.mount(at, this.#newFileSystem(`mount ${this.#mounts}`, capacityBytes));
  }

  /** Lays down a tree below the folder at `path`, made where missing; existing files are replaced in place. All of it is stable. */
  writeTree(path: string, tree: TreeSpec): void {
    const at = this.#makePath(path);
    this.#lay(at, tree);
    for (const fileSystem of this.#parts.mounts.fileSystems) fileSystem.syncAll();
  }

  /** Replaces the content of one file, or creates it, without making it stable: what another program does. */
  writeFile(path: string, content: Uint8Array | string): void {
    const cut = path.lastIndexOf('/');
    this.#lay(this.#makePath(path.slice(0, cut) || '/'), { [path.slice(cut + 1)]: content });
  }

  /** What the file holds now; null where there is none. Symlinks are followed. */
  readFile(path: string): Uint8Array | null {
    const inode = this.#find(path, true)?.inode;
    if (!(inode instanceof FileInode)) return null;
    const bytes = new Uint8Array(inode.sizeBytes);
    inode.content.read(bytes, 0, bytes.byteLength);
    return bytes;
  }

  /** What the file would hold after a power cut now that loses all that was not flushed; null where it would be gone. */
  readStableFile(path: string): Uint8Array | null {
    let at: Inode = this.#parts.mounts.root.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      at = this.#parts.mounts.across({ fileSystem: this.#parts.mounts.root, inode: at }).inode;
      const next: Inode | undefined = isDir(at) ? at.stableEntries.get(name) : undefined;
      if (!next) return null;
      at = next;
    }
    return at instanceof FileInode ? at.content.stableBytes() : null;
  }

  /** Null where nothing is there. Symlinks are not followed. */
  stat(path: string): Stat | null {
    const at = this.#find(path, false);
    return at ? at.fileSystem.stat(at.inode) : null;
  }

  /** Gives an entry another modification time. Stable at once. */
  setTime(path: string, mtimeNs: bigint): void {
    const at = this.#find(path, false);
    assert(at !== null, `${path} is there`);
    at.fileSystem.setAttrs(at.inode, { mtimeNs });
    at.fileSystem.syncAll();
  }

  /** Gives an entry another mode, and one attribute where `xattr` is given. Stable at once. */
  describe(path: string, mode: number, xattr?: { readonly name: string; readonly value: Uint8Array }): void {
    const at = this.#find(path, false);
    assert(at !== null, `${path} is there`);
    at.fileSystem.setAttrs(at.inode, { mode });
    if (xattr) at.fileSystem.setXattrs(at.inode, new Map([[xattr.name, xattr.value]]));
    at.fileSystem.syncAll();
  }

  /** Gives a file another name in the same folder, stable at once. */
  link(path: string, newName: string): void {
    const at = this.#find(path, false);
    assert(at?.inode.parent, `${path} is there`);
    at.fileSystem.link(at.inode, at.inode.parent, newName);
    at.fileSystem.syncAll();
  }

  /** Attributes of the entry at `path`, by name. */
  xattrs(path: string): ReadonlyMap<string, Uint8Array> {
    return this.#find(path, false)?.inode.xattrs ?? new Map();
  }

  /** Everything below the folder at `path`, sorted by path. */
  listAll(path = '/'): ListedEntry[] {
    const found: ListedEntry[] = [];
    const visit = (at: Located, prefix: string): void => {
      const { fileSystem, inode } = this.#parts.mounts.across(at);
      if (!isDir(inode)) return;
      for (const [name, child] of inode.entries) {
        const stat = fileSystem.stat(child);
        const target = child instanceof LinkInode ? child.target : null;
        const { kind, sizeBytes, mode, mtimeNs } = stat;
        found.push({ path: `${prefix}/${name}`, kind, sizeBytes, mode, mtimeNs, target });
        visit({ fileSystem, inode: child }, `${prefix}/${name}`);
      }
    };
    const start = this.#find(path, true);
    if (start) visit(start, path === '/' ? '' : path.replace(/\/$/, ''));
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Removes the entry at `path` and all below it, at once and for good. */
  removeTree(path: string): void {
    const at = this.#find(path, false);
    if (!at?.inode.parent) return;
    const remove = (dir: DirInode, name: string, inode: Inode): void => {
      if (isDir(inode)) for (const [below, child] of [...inode.entries]) remove(inode, below, child);
      at.fileSystem.remove(dir, name, inode);
    };
    remove(at.inode.parent, at.inode.name, at.inode);
    at.fileSystem.syncAll();
  }

  /** Flips a bit of the stored bytes of a file, unnoticed by its times. */
  flipBit(path: string, offset: number, bit = 0): void {
    const inode = this.#find(path, true)?.inode;
    assert(inode instanceof FileInode, `${path} is a file`);
    inode.content.flip(offset, bit);
  }

  /** Operations of that kind do not complete until {@link thaw}. */
  freeze(kind: FreezeKind): void {
    this.#parts.freezer.freeze(kind);
  }

  thaw(kind: FreezeKind): void {
    this.#parts.freezer.thaw(kind);
  }

  setReadOnly(readOnly: boolean, path = '/'): void {
    this.#fileSystemAt(path).readOnly = readOnly;
  }

  setCapacity(capacityBytes: number, path = '/'): void {
    this.#fileSystemAt(path).capacityBytes = capacityBytes;
  }

  freeBytes(path = '/'): number {
    return this.#fileSystemAt(path).space().freeBytes;
  }

  /** An episode of a full disk, on every file system. */
  setFull(full: boolean): void {
    for (const fileSystem of this.#parts.mounts.fileSystems) fileSystem.full = full;
  }

  /** Ends what faults have begun: freezing and fullness. */
  heal(): void {
    for (const kind of ['read', 'write', 'sync'] as const) this.thaw(kind);
    this.setFull(false);
  }

  /**
   * Calls `watcher` with the path whose visible content has just changed: a file that was created, written or
   * removed, both names of a rename. A folder's path stands for everything below it; `/` after a power cut stands
   * for all. What the watcher throws ends the run.
   */
  onVisibleChange(watcher: (path: string) => void): void {
    this.#watchers.push(watcher);
  }

  /** What a loss of power does to the file systems. The machine kills its processes first. */
  loseUnflushed(): void {
    this.heal();
    for (const fileSystem of this.#parts.mounts.fileSystems) fileSystem.powerCut();
  }

  #newFileSystem(label: string, capacityBytes: number): FileSystem {
    return new FileSystem({
      deviceId: `${this.#context.machineName} ${label}`,
      capacityBytes,
      wallMs: this.#context.wallMs,
      onChange: (fileSystem, dir, name) => this.#changed(fileSystem, dir, name),
      dice: this.#context.dice.fork(label),
    });
  }

  #changed(fileSystem: FileSystem, dir: DirInode | null, name: string): void {
    if (this.#watchers.length === 0) return;
    const path = this.#parts.mounts.pathOf(fileSystem, dir, name);
    if (path === null) return;
    for (const watcher of this.#watchers) {
      try {
        watcher(path);
      } catch (error) {
        this.#context.scheduler.violate(error);
      }
    }
  }

  #find(path: string, followLast: boolean): Located | null {
    try {
      return this.#parts.mounts.resolve(path, followLast);
    } catch {
      return null; // for a checker, a path that leads nowhere holds nothing
    }
  }

  #fileSystemAt(path: string): FileSystem {
    return this.#parts.mounts.resolve(path, true).fileSystem;
  }

  #makePath(path: string): Located<DirInode> {
    const { mounts } = this.#parts;
    let at: Located = { fileSystem: mounts.root, inode: mounts.root.root };
    for (const name of path.split('/').filter((part) => part !== '')) {
      const dir = at.inode as DirInode;
      const inode = dir.entries.get(name) ?? at.fileSystem.makeDir(dir, name, 0o755);
      at = mounts.across({ fileSystem: at.fileSystem, inode });
      assert(isDir(at.inode), `${path} is a folder`);
    }
    return at as Located<DirInode>;
  }

  #lay(at: Located<DirInode>, tree: TreeSpec): void {
    const { fileSystem, inode: dir } = at;
    for (const [name, spec] of Object.entries(tree)) {
      if (typeof spec === 'string') this.#layFile(at, name, Buffer.from(spec));
      else if (spec instanceof Uint8Array) this.#layFile(at, name, spec);
      else if (spec instanceof TreeLink) fileSystem.makeSymlink(dir, name, spec.target);
      else if (spec instanceof TreeOther) fileSystem.makeOther(dir, name);
      else {
        const child = dir.entries.get(name) ?? fileSystem.makeDir(dir, name, 0o755);
        const below = this.#parts.mounts.across({ fileSystem, inode: child });
        assert(isDir(below.inode), `${name} is a folder`);
        this.#lay(below as Located<DirInode>, spec);
      }
    }
  }

  #layFile(at: Located<DirInode>, name: string, content: Uint8Array): void {
    const existing = at.inode.entries.get(name);
    const file = existing instanceof FileInode ? existing : at.fileSystem.createFile(at.inode, name, 0o644);
    at.fileSystem.truncate(file, 0);
    if (content.byteLength === 0) return;
    const count = at.fileSystem.write(file, content, 0);
    assert(count === content.byteLength, `${name} fits on the simulated disk`);
  }
}
