import { assert } from '../../../base/assert.ts';
import { diskError } from './failure.ts';
import type { FileSystem } from './filesystem.ts';
import { type DirInode, type Inode, LinkInode } from './inode.ts';
import { isDir } from './stability.ts';

const SYMLINKS_FOLLOWED_MAX = 40;

/** An entry and the file system it is on. */
export interface Located<T extends Inode = Inode> {
  readonly fileSystem: FileSystem;
  readonly inode: T;
}

/** The tree of file systems of one machine. */
export class MountTable {
  readonly root: FileSystem;
  readonly #mounted = new Map<DirInode, FileSystem>();
  readonly #mountPoints = new Map<FileSystem, Located<DirInode>>();

  constructor(root: FileSystem) {
    this.root = root;
  }

  get fileSystems(): FileSystem[] {
    return [this.root, ...this.#mounted.values()];
  }

  /** Covers the directory `at` with the root of `fileSystem`. */
  mount(at: Located<DirInode>, fileSystem: FileSystem): void {
    this.#mounted.set(at.inode, fileSystem);
    this.#mountPoints.set(fileSystem, at);
  }

  /** The entry itself, or the root of what is mounted there. */
  across(at: Located): Located {
    const mounted = isDir(at.inode) ? this.#mounted.get(at.inode) : undefined;
    return mounted ? { fileSystem: mounted, inode: mounted.root } : at;
  }

  isMountPoint(inode: Inode): boolean {
    return isDir(inode) && this.#mounted.has(inode);
  }

  /**
   * The entry at an absolute path; symlinks on the way are followed, in the last component only with `followLast`.
   * CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY, CW_DISK_SYMLINK (a loop of links).
   */
  resolve(path: string, followLast: boolean): Located {
    assert(path.startsWith('/'), `${path} is an absolute path`);
    const rest = path.split('/').filter((part) => part !== '' && part !== '.');
    let followed = 0;
    let at: Located = { fileSystem: this.root, inode: this.root.root };
    while (rest.length > 0) {
      const name = rest.shift() as string;
      const dir = at.inode;
      if (!isDir(dir)) throw diskError('CW_DISK_NOT_DIRECTORY', path);
      if (name === '..') {
        at = this.#above({ fileSystem: at.fileSystem, inode: dir });
        continue;
      }
      const inode = dir.entries.get(name);
      if (!inode) throw diskError('CW_DISK_NOT_FOUND', path);
      if (inode instanceof LinkInode && (followLast || rest.length > 0)) {
        followed += 1;
        if (followed > SYMLINKS_FOLLOWED_MAX) throw diskError('CW_DISK_SYMLINK', path);
        if (inode.target.startsWith('/')) at = { fileSystem: this.root, inode: this.root.root };
        rest.unshift(...inode.target.split('/').filter((part) => part !== '' && part !== '.'));
        continue;
      }
      at = this.across({ fileSystem: at.fileSystem, inode });
    }
    return at;
  }

  /** The path of an entry; null where it has no name any more. */
  pathOf(fileSystem: FileSystem, dir: DirInode | null, name: string): string | null {
    const parts = name === '' ? [] : [name];
    let current = fileSystem;
    let at = dir ?? fileSystem.root;
    for (;;) {
      while (at !== current.root) {
        parts.unshift(at.name);
        if (at.parent === null) return null;
        at = at.parent;
      }
      const mountPoint = this.#mountPoints.get(current);
      if (!mountPoint) return `/${parts.join('/')}`;
      current = mountPoint.fileSystem;
      at = mountPoint.inode;
    }
  }

  #above(at: Located<DirInode>): Located {
    if (at.inode !== at.fileSystem.root) {
      return { fileSystem: at.fileSystem, inode: at.inode.parent ?? at.fileSystem.root };
    }
    const mountPoint = this.#mountPoints.get(at.fileSystem);
    if (!mountPoint) return at;
    return {
      fileSystem: mountPoint.fileSystem,
      inode: mountPoint.inode.parent ?? mountPoint.fileSystem.root,
    };
  }
}
