import { constants, type Dirent } from 'node:fs';
import { assert } from '../../base/assert.ts';
import { fromUtf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { AttrPatch, Dir, DirEntry, DiskFile, OpenMode, SpaceInfo, Stat } from '../disk.ts';
import type { DirCaps } from '../disk_caps.ts';
import { setNameAttrs } from './attrs.ts';
import { cachedEntriesOf } from './cached_entries.ts';
import { toDirEntry } from './dir_list.ts';
import type { DiskContext } from './disk_context.ts';
import { diskError } from './disk_errors.ts';
import { FdLease } from './fd_lease.ts';
import { NodeFile } from './file.ts';
import type { LentHandle } from './handle_refs.ts';
import { DIR_FLAGS, FILE_FLAGS } from './open_flags.ts';
import { toSpaceInfo, toStat } from './stat.ts';
import { syncfsInThread } from './syncfs_thread.ts';
import { xattrStore } from './xattr_store.ts';

/** Before the umask, as the shell's tools do. */
const FILE_PERMISSION = 0o666;
const DIR_PERMISSION = 0o777;
/** Entries fetched from the kernel in one go. */
const LIST_BATCH = 256;

/** Where an operation acts: the open directory and the path that reaches `name` in it. */
interface Place {
  readonly dirFd: number;
  readonly path: string;
  readonly name: string;
}

/** An open directory of this machine. Names are reached as anchor.ts says. */
export class NodeDir implements Dir {
  readonly #context: DiskContext;
  readonly #lease: FdLease;
  readonly #absolutePath: string;
  #open = true;

  /** Owns one share of `lease`. */
  constructor(context: DiskContext, lease: FdLease, absolutePath: string) {
    this.#context = context;
    this.#lease = lease;
    this.#absolutePath = absolutePath;
  }

  /** A folder that another thread has open and keeps open: closing this handle leaves the descriptor alone. */
  static borrowed(context: DiskContext, fd: number, absolutePath: string): NodeDir {
    return new NodeDir(context, new FdLease(fd, async () => undefined), absolutePath);
  }

  /** Lends the descriptor to another thread: it stays open until it is given back. */
  lend(): LentHandle {
    const fd = this.#lease.enter(this.#open, this.#absolutePath);
    return { fd, lease: this.#lease, path: this.#absolutePath, giveBack: () => this.#lease.leave() };
  }

  /** The descriptor for one call of this thread, which ends with {@link leaveFd}. */
  enterFd(): number {
    return this.#lease.enter(this.#open, this.#absolutePath);
  }

  leaveFd(): void {
    this.#lease.leave();
  }

  /** Whose descriptor it is: numbers are used again. */
  get lease(): object {
    return this.#lease;
  }

  /** How an entry is called in messages. */
  shown(name: string): string {
    return this.#show(name);
  }

  get caps(): DirCaps {
    return {
      owners: typeof process.getuid === 'function',
      links: { link: (name, toDir, toName) => this.#link(name, toDir, toName) },
      xattrsOf: (name) =>
        xattrStore(this.#context, (operation, call) => this.#at(operation, name, ({ path }) => call(path))),
      ownXattrs: xattrStore(this.#context, (operation, call) => this.#self(operation, (fd) => call(fd))),
      again: () => this.#again(),
      cached: async () => cachedEntriesOf(this, (await this.space()).fileSystem),
    };
  }

  async *list(): AsyncIterable<DirEntry> {
    const { calls } = this.#context;
    const dir = await this.#self('list', (_fd, path) => calls.opendir(path, LIST_BATCH));
    try {
      for (;;) {
        const entry = await this.#self('list', () => calls.readdir(dir));
        if (entry === null) return;
        yield toDirEntry(entry as unknown as Dirent<Buffer>);
      }
    } finally {
      await calls.closedir(dir);
    }
  }

  stat(name: Name): Promise<Stat> {
    return this.#at('inspect', name, async ({ path }) => toStat(await this.#context.calls.lstat(path)));
  }

  readLink(name: Name): Promise<string> {
    return this.#at('read the link', name, async ({ path }) => {
      const target = fromUtf8(await this.#context.calls.readlink(path));
      if (target === null)
        throw new CausewayError('CW_DISK_NAME', `the target of ${this.#show(name)} is not valid UTF-8`);
      return target;
    });
  }

  openFile(name: Name, mode: OpenMode, permission = FILE_PERMISSION): Promise<DiskFile> {
    return this.#at(mode === 'create' ? 'create' : 'open', name, async ({ path }) => {
      const { calls } = this.#context;
      const fd = await calls.open(path, FILE_FLAGS[mode], permission);
      if (mode !== 'create') {
        try {
          this.#checkRegular((await calls.fstat(fd)).mode, name);
        } catch (thrown) {
          await calls.close(fd);
          throw thrown;
        }
      }
      return new NodeFile(this.#context, new FdLease(fd, calls.close), this.#show(name));
    });
  }

  openDir(name: Name): Promise<Dir> {
    return this.#at('open', name, async ({ path }) => {
      const { calls } = this.#context;
      const fd = await calls.open(path, DIR_FLAGS).catch(async (thrown: NodeJS.ErrnoException) => {
        if (thrown.code !== 'ENOTDIR') throw thrown;
        const isLink = toStat(await calls.lstat(path)).kind === 'symlink'; // Linux says ENOTDIR of both
        throw isLink ? Object.assign(thrown, { code: 'ELOOP' }) : thrown;
      });
      return new NodeDir(this.#context, new FdLease(fd, calls.close), this.#show(name));
    });
  }

  #again(): Promise<Dir> {
    return this.#self('open', async (_fd, path) => {
      const { calls } = this.#context;
      const fd = await calls.open(path, DIR_FLAGS);
      return new NodeDir(this.#context, new FdLease(fd, calls.close), this.#absolutePath);
    });
  }

  makeDir(name: Name, permission = DIR_PERMISSION): Promise<void> {
    return this.#at('make the folder', name, async ({ path }) => {
      await this.#context.calls.mkdir(path, permission);
    });
  }

  makeSymlink(name: Name, target: string): Promise<void> {
    return this.#at('make the link', name, ({ path }) => this.#context.calls.symlink(target, path));
  }

  rename(name: Name, toDir: Dir, toName: Name): Promise<void> {
    assert(toDir instanceof NodeDir, 'both folders of a rename are of this machine');
    return this.#at(`rename to ${toDir.#show(toName)}`, name, (from) =>
      toDir.#enter(toName, (to) => this.#context.calls.rename(from.path, to.path)),
    );
  }

  #link(name: Name, toDir: Dir, toName: Name): Promise<void> {
    assert(toDir instanceof NodeDir, 'both folders of a link are of this machine');
    return this.#at(`link to ${toDir.#show(toName)}`, name, (from) =>
      toDir.#enter(toName, (to) => this.#context.calls.link(from.path, to.path)),
    );
  }

  removeFile(name: Name): Promise<void> {
    return this.#at('remove', name, ({ path }) => this.#context.calls.unlink(path));
  }

  removeDir(name: Name): Promise<void> {
    return this.#at('remove the folder', name, ({ path }) => this.#context.calls.rmdir(path));
  }

  setAttrs(name: Name, patch: AttrPatch): Promise<void> {
    return this.#at('set owner, mode or time of', name, (place) => setNameAttrs(this.#context, place, patch));
  }

  self(): Promise<Stat> {
    return this.#self('inspect', async (fd) => toStat(await this.#context.calls.fstat(fd)));
  }

  space(): Promise<SpaceInfo> {
    return this.#self('measure', async (_fd, path) => {
      const { calls } = this.#context;
      // statfs(2) as Node offers it leaves the mount flags out; access(2) answers EROFS for a read-only mount
      const access = await calls
        .access(path, constants.W_OK)
        .catch((thrown: NodeJS.ErrnoException) => thrown);
      const readOnly = access instanceof Error && access.code === 'EROFS';
      return toSpaceInfo(await calls.statfs(path), readOnly);
    });
  }

  sync(): Promise<void> {
    return this.#self('flush', async (fd) => {
      await this.#context.calls.fsync(fd).catch((thrown: NodeJS.ErrnoException) => {
        // some network file systems have no fsync for directories: their entries are stable once the call returned
        if (thrown.code !== 'EINVAL' && thrown.code !== 'ENOTSUP') throw thrown;
      });
    });
  }

  syncFileSystem(): Promise<boolean> {
    return this.#self('flush the file system of', async (fd) => {
      const { mode, syscalls } = this.#context;
      if (syscalls === null) return false;
      if (mode === 'blocking') syscalls.syncfs(fd);
      else await syncfsInThread(fd);
      return true;
    });
  }

  clone(): Promise<Dir> {
    return this.#self('open', async () => {
      this.#lease.share();
      return new NodeDir(this.#context, this.#lease, this.#absolutePath);
    });
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    try {
      await this.#lease.release();
    } catch (thrown) {
      throw diskError('close', this.#absolutePath, thrown);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #show(name: string): string {
    return this.#absolutePath === '/' ? `/${name}` : `${this.#absolutePath}/${name}`;
  }

  #checkRegular(mode: bigint, name: string): void {
    const type = mode & BigInt(constants.S_IFMT);
    if (type === BigInt(constants.S_IFREG)) return;
    if (type === BigInt(constants.S_IFDIR))
      throw new CausewayError('CW_DISK_IS_DIRECTORY', `cannot open ${this.#show(name)}: it is a folder`);
    throw new CausewayError('CW_UNSUPPORTED', `cannot open ${this.#show(name)}: it is no regular file`);
  }

  /** An operation on an entry. */
  async #at<T>(operation: string, name: Name, call: (place: Place) => Promise<T>): Promise<T> {
    try {
      return await this.#enter(name, call);
    } catch (thrown) {
      throw diskError(operation, this.#show(name), thrown);
    }
  }

  /** The name is checked again here: one forged by a cast must not reach the kernel. */
  async #enter<T>(name: Name, call: (place: Place) => Promise<T>): Promise<T> {
    const dirFd = this.#lease.enter(this.#open, this.#absolutePath);
    try {
      parseName(name);
      if (!name.isWellFormed()) throw new CausewayError('CW_DISK_NAME', 'the name is not valid Unicode');
      return await call({ dirFd, path: `${this.#context.anchor(dirFd, this.#absolutePath)}/${name}`, name });
    } finally {
      this.#lease.leave();
    }
  }

  /** An operation on the directory itself. */
  async #self<T>(operation: string, call: (fd: number, path: string) => Promise<T>): Promise<T> {
    const fd = this.#lease.enter(this.#open, this.#absolutePath);
    try {
      return await call(fd, `${this.#context.anchor(fd, this.#absolutePath)}/.`);
    } catch (thrown) {
      throw diskError(operation, this.#absolutePath, thrown);
    } finally {
      this.#lease.leave();
    }
  }
}
