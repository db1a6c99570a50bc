import fs, { constants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { AttrPatch, Dir, Stat } from '../disk.ts';
import type { PlainStat, WholeFiles } from '../whole_files.ts';
import { NodeDir } from './dir.ts';
import { diskError } from './disk_errors.ts';
import { bindLookCalls, STATX } from './look_calls.ts';
import { FILE_FLAGS } from './open_flags.ts';
import { toStat } from './stat.ts';
import { type Syscalls, SystemCallError } from './syscalls.ts';
import type { ThreadFolder } from './thread_folder.ts';

const { EMLINK, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM, EACCES, EXDEV } = osConstants.errno;

/** Of link(2): no second name for this entry; another way to keep it may do. */
const NO_LINK: ReadonlySet<number> = new Set([EMLINK, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM, EACCES, EXDEV]);

const BIGINT = { bigint: true } as const;

/** Where an entry of an open folder is reached, and how it is called in messages. */
interface Spot {
  readonly fd: number;
  readonly lease: object;
  readonly name: Name;
  readonly shown: string;
}

/** {@link WholeFiles} with the calls of `node:fs`, below the thread's own folder or one of the kind that /proc anchors. */
class NodeWholeFiles implements WholeFiles {
  readonly #syscalls: Syscalls;
  readonly #folder: ThreadFolder | null;
  readonly #looks = bindLookCalls();
  /** The folder that was found last to be on a file system without extended attributes. */
  #withoutXattrs: object | null = null;

  constructor(syscalls: Syscalls, folder: ThreadFolder | null) {
    this.#syscalls = syscalls;
    this.#folder = folder;
  }

  read(dir: Dir, name: Name, into: Uint8Array, accept: (stat: Stat) => boolean): Stat | null {
    return this.#at(dir, name, 'read', ({ path, shown }) => {
      const fd = fs.openSync(path, FILE_FLAGS.read);
      try {
        const before = toStat(fs.fstatSync(fd, BIGINT));
        if (before.kind !== 'file') throw notRegular(shown);
        if (!accept(before)) return before;
        const count = readAll(fd, into);
        const after = toStat(fs.fstatSync(fd, BIGINT));
        return count === into.byteLength && accept(after) ? null : after;
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  write(dir: Dir, name: Name, bytes: Uint8Array, permission: number): void {
    this.#at(dir, name, 'write', ({ path, shown }) => {
      const fd = openForWriting(path, shown, permission);
      try {
        writeAll(fd, bytes);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  finish(
    from: { readonly dir: Dir; readonly name: Name },
    into: Uint8Array,
    accept: (bytes: Uint8Array, count: number) => boolean,
    to: { readonly dir: Dir; readonly name: Name; readonly attrs: AttrPatch },
  ): boolean {
    return this.#at(from.dir, from.name, 'finish', ({ fd: storeFd, path, shown }) => {
      const empty = into.byteLength === 0;
      const fd = fs.openSync(path, empty ? FILE_FLAGS.append : FILE_FLAGS.write, 0o600);
      try {
        const sizeBytes = sizeOfRegular(fd, shown);
        if (!empty && !accept(into, readAll(fd, into))) return false;
        if (sizeBytes > into.byteLength) {
          fs.ftruncateSync(fd, into.byteLength);
          fs.fdatasyncSync(fd);
        }
        this.#setAttrs(fd, to.attrs);
      } finally {
        fs.closeSync(fd);
      }
      at(to.dir, to.name, `rename ${shown} to`, (target) =>
        this.#syscalls.renameAt(storeFd, from.name, target.fd, target.name),
      );
      return true;
    });
  }

  link(dir: Dir, name: Name, toDir: Dir, toName: Name): 'linked' | 'missing' | 'refused' {
    return at(toDir, toName, 'keep', (target) =>
      at(dir, name, `link to ${target.shown}`, ({ fd }) => {
        try {
          return this.#syscalls.linkAt(fd, name, target.fd, toName) ? 'linked' : 'missing';
        } catch (thrown) {
          if (thrown instanceof SystemCallError && NO_LINK.has(thrown.errno)) return 'refused';
          throw thrown;
        }
      }),
    );
  }

  names(dir: Dir): string[] | null {
    assert(dir instanceof NodeDir, 'the folder is of this machine');
    const { fd, lease, giveBack } = dir.lend();
    try {
      const isIn = this.#folder?.enter(fd, lease) === true;
      const names = fs.readdirSync(isIn ? '.' : `/proc/self/fd/${fd}/.`, { encoding: 'latin1' });
      return names.every(isPlainName) ? names : null;
    } catch {
      return null; // the longer way tells why
    } finally {
      giveBack();
    }
  }

  look(dir: Dir, name: Name, into: PlainStat, attributes: boolean): 'plain' | 'gone' | 'other' {
    const looks = this.#looks;
    if (looks === null) return 'other';
    assert(dir instanceof NodeDir, 'the folder is of this machine');
    const { fd, lease, giveBack } = dir.lend();
    try {
      parseName(name);
      const view = looks.stat(fd, name);
      if (view === 'gone') return 'gone';
      if (view === 'failed' || !toPlain(view, into)) return 'other';
      if (!attributes || this.#withoutXattrs === lease) return 'plain';
      const isIn = this.#folder?.enter(fd, lease) === true;
      const answer = looks.xattrs(isIn ? name : `/proc/self/fd/${fd}/${name}`);
      if (answer === 'unsupported') this.#withoutXattrs = lease;
      if (answer === 'gone') return 'gone';
      return answer === 'none' || answer === 'unsupported' ? 'plain' : 'other';
    } finally {
      giveBack();
    }
  }

  /** The same with a path: below the folder that the thread is in, which takes the kernel least to follow. */
  #at<T>(dir: Dir, name: Name, operation: string, call: (spot: Spot & { readonly path: string }) => T): T {
    return at(dir, name, operation, (spot) => {
      const isIn = this.#folder?.enter(spot.fd, spot.lease) === true;
      return call({ ...spot, path: isIn ? name : `/proc/self/fd/${spot.fd}/${name}` });
    });
  }

  #setAttrs(fd: number, { userId, groupId, mode, mtimeNs }: AttrPatch): void {
    if (userId !== undefined || groupId !== undefined) fs.fchownSync(fd, userId ?? -1, groupId ?? -1);
    if (mode !== undefined) fs.fchmodSync(fd, mode);
    if (mtimeNs !== undefined) this.#syscalls.futimens(fd, mtimeNs);
  }
}

/** Nanoseconds since 1970 that 64 bits hold. */
const LATEST_NS = 2n ** 63n - 1n;
const EARLIEST_NS = -(2n ** 63n);

/** False where there is more to know of an entry than a plain file has. */
function toPlain(view: DataView, into: PlainStat): boolean {
  const mode = STATX.mode(view);
  if ((mode & constants.S_IFMT) !== constants.S_IFREG || STATX.linkCount(view) !== 1) return false;
  const sizeBytes = STATX.sizeBytes(view);
  const mtimeNs = STATX.mtimeNs(view);
  if (sizeBytes - STATX.allocatedBytes(view) >= LIMITS.holeMinBytes.value) return false;
  if (!Number.isSafeInteger(sizeBytes) || mtimeNs < EARLIEST_NS || mtimeNs > LATEST_NS) return false;
  into.kind = 'file';
  into.sizeBytes = sizeBytes;
  into.mode = mode & 0o7777;
  into.mtimeNs = mtimeNs;
  into.ctimeNs = STATX.ctimeNs(view);
  into.inode = STATX.inode(view);
  into.userId = STATX.userId(view);
  into.groupId = STATX.groupId(view);
  return true;
}

/** Of bytes that were read as Latin-1: ASCII is the same in UTF-8. */
function isPlainName(name: string): boolean {
  return name.length <= LIMITS.nameMaxBytes.value && !/[^\x01-\x7f]/.test(name);
}

/** As `Dir.openFile`: no special file passes for a regular one. */
function sizeOfRegular(fd: number, shown: string): number {
  const stats = fs.fstatSync(fd); // sizes and kinds need no nanoseconds, and this is three times as fast
  if (!stats.isFile()) throw notRegular(shown);
  return stats.size;
}

function notRegular(shown: string): CausewayError {
  return new CausewayError('CW_UNSUPPORTED', `cannot open ${shown}: it is no regular file`);
}

/** New as a rule; a leftover is opened as it is. */
function openForWriting(path: string, shown: string, permission: number): number {
  try {
    return fs.openSync(path, FILE_FLAGS.create, permission);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
  const fd = fs.openSync(path, FILE_FLAGS.append, permission);
  try {
    sizeOfRegular(fd, shown);
    return fd;
  } catch (thrown) {
    fs.closeSync(fd);
    throw thrown;
  }
}

function readAll(fd: number, into: Uint8Array): number {
  let done = 0;
  while (done < into.byteLength) {
    const count = fs.readSync(fd, into, done, into.byteLength - done, done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.byteLength) {
    const count = fs.writeSync(fd, bytes, done, bytes.byteLength - done, done);
    if (count <= 0) throw new CausewayError('CW_DISK_IO', 'the device took no byte of a write');
    done += count;
  }
}

/** Runs `call` on an entry; the name is checked here too: one forged by a cast must not reach the kernel. */
function at<T>(dir: Dir, name: Name, operation: string, call: (spot: Spot) => T): T {
  assert(dir instanceof NodeDir, 'the folder is of this machine');
  const { fd, lease, path, giveBack } = dir.lend();
  const shown = `${path}/${name}`;
  try {
    parseName(name);
    if (!name.isWellFormed()) throw new CausewayError('CW_DISK_NAME', 'the name is not valid Unicode');
    return call({ fd, lease, name, shown });
  } catch (thrown) {
    throw diskError(operation, shown, thrown);
  } finally {
    giveBack();
  }
}

/** Null where folders are not reached by descriptor, or times cannot be set exactly: the longer way does it then. */
export function createWholeFiles(syscalls: Syscalls | null, folder: ThreadFolder | null): WholeFiles | null {
  const anchored = process.platform === 'linux' && fs.existsSync('/proc/self/fd');
  return anchored && syscalls !== null && constants.O_NOFOLLOW !== undefined
    ? new NodeWholeFiles(syscalls, folder)
    : null;
}
