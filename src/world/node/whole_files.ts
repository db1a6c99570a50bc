import fs, { constants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { AttrPatch, Dir, Stat } from '../disk.ts';
import type { FileState, PlainStat, WholeFiles } from '../whole_files.ts';
import { BareFiles, tellsOfAttributes } from './bare_files.ts';
import { NodeDir } from './dir.ts';
import { diskError } from './disk_errors.ts';
import { bindFileCalls, type FileCalls } from './file_calls.ts';
import { bindLookCalls, type LookCalls } from './look_calls.ts';
import type { LookFields } from './look_fields.ts';
import { FILE_FLAGS } from './open_flags.ts';
import { toSpaceInfo, toStat } from './stat.ts';
import { type Syscalls, SystemCallError } from './syscalls.ts';
import type { ThreadFolder } from './thread_folder.ts';

const { EMLINK, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM, EACCES, EXDEV } = osConstants.errno;

/** Of link(2): no second name for this entry; another way to keep it may do. */
const NO_LINK: ReadonlySet<number> = new Set([EMLINK, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM, EACCES, EXDEV]);

const BIGINT = { bigint: true } as const;

/** What {@link NodeWholeFiles} is made of. */
interface Calls {
  readonly syscalls: Syscalls;
  readonly files: FileCalls;
  readonly looks: LookCalls;
  /** For paths; null: they go through /proc. */
  readonly folder: ThreadFolder | null;
  /** Wall-clock time in seconds. */
  readonly nowS: () => number;
}

/** The folder that was looked in last. */
interface LookedIn {
  readonly lease: object;
  /** The change time of a file tells of each change of its attributes. */
  readonly tells: boolean;
  /** The halves of what tells its device. */
  readonly device0: number;
  readonly device1: number;
  /** When the look at its entries began. */
  readonly enteredS: number;
}

/** {@link WholeFiles} with calls below the descriptor of the folder. */
class NodeWholeFiles implements WholeFiles {
  readonly #syscalls: Syscalls;
  readonly #files: FileCalls;
  readonly #looks: LookCalls;
  readonly #folder: ThreadFolder | null;
  /** The folder that was found last to be on a file system without extended attributes. */
  #withoutXattrs: object | null = null;
  readonly #nowS: () => number;
  readonly #bare = new BareFiles();
  #lookedIn: LookedIn | null = null;

  constructor({ syscalls, files, looks, folder, nowS }: Calls) {
    this.#syscalls = syscalls;
    this.#files = files;
    this.#looks = looks;
    this.#folder = folder;
    this.#nowS = nowS;
  }

  read(dir: Dir, name: Name, into: Uint8Array, planned: FileState): Stat | null {
    return at(dir, name, 'read', (dirFd, shown) => {
      const fd = this.#files.open(dirFd, name, FILE_FLAGS.read, 0);
      try {
        const count = readRegular(fd, into);
        // its state changes with its content and never comes back: one look behind the read is as good as two
        return count === into.byteLength && this.#isIn(fd, planned) ? null : foundAt(fd, shown());
      } finally {
        this.#files.close(fd);
      }
    });
  }

  write(dir: Dir, name: Name, bytes: Uint8Array, permission: number): void {
    at(dir, name, 'write', (dirFd, shown) => {
      const fd = this.#openForWriting({ dirFd, name, permission }, shown);
      try {
        writeAll(fd, bytes);
      } finally {
        this.#files.close(fd);
      }
    });
  }

  finish(
    from: { readonly dir: Dir; readonly name: Name },
    into: Uint8Array,
    accept: (bytes: Uint8Array, count: number) => boolean,
    to: { readonly dir: Dir; readonly name: Name; readonly attrs: AttrPatch },
  ): boolean {
    return at(from.dir, from.name, 'finish', (storeFd, shown) => {
      const empty = into.byteLength === 0;
      const fd = this.#files.open(storeFd, from.name, empty ? FILE_FLAGS.append : FILE_FLAGS.write, 0o600);
      try {
        const sizeBytes = this.#sizeOfRegular(fd, shown);
        if (!empty && !accept(into, readAll(fd, into))) return false;
        if (sizeBytes > into.byteLength) {
          fs.ftruncateSync(fd, into.byteLength);
          fs.fdatasyncSync(fd);
        }
        this.#setAttrs(fd, to.attrs);
      } finally {
        this.#files.close(fd);
      }
      at(to.dir, to.name, `rename ${from.name} to`, (toFd) =>
        this.#files.rename(storeFd, from.name, toFd, to.name),
      );
      return true;
    });
  }

  link(dir: Dir, name: Name, toDir: Dir, toName: Name): 'linked' | 'missing' | 'refused' {
    return at(toDir, toName, 'keep', (toFd, shown) =>
      at(dir, name, `link to ${shown()}`, (fd) => {
        try {
          return this.#syscalls.linkAt(fd, name, toFd, toName) ? 'linked' : 'missing';
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
    assert(dir instanceof NodeDir, 'the folder is of this machine');
    const looks = this.#looks;
    const fd = dir.enterFd();
    try {
      parseName(name);
      const { lease } = dir;
      const folder = attributes ? this.#folderOf(fd, lease) : null;
      const isHere = this.#folder?.enter(fd, lease) === true;
      const view = isHere ? looks.statHere(name) : looks.stat(fd, name);
      if (view === 'gone') return 'gone';
      if (view === 'failed' || !toPlain(view, into)) return 'other';
      if (folder === null || this.#withoutXattrs === lease) return 'plain';
      const isTold =
        folder.tells && view.deviceWord(0) === folder.device0 && view.deviceWord(1) === folder.device1;
      if (isTold && this.#bare.has(view)) return 'plain';
      const answer = looks.xattrs(isHere ? name : `/proc/self/fd/${fd}/${name}`);
      if (answer === 'none' && isTold) this.#bare.add(view, folder.enteredS);
      if (answer === 'unsupported') this.#withoutXattrs = lease;
      if (answer === 'gone') return 'gone';
      return answer === 'none' || answer === 'unsupported' ? 'plain' : 'other';
    } finally {
      dir.leaveFd();
    }
  }

  /** What there is to know of a folder whose entries are looked at one after the other. */
  #folderOf(fd: number, lease: object): LookedIn {
    if (this.#lookedIn?.lease === lease) return this.#lookedIn;
    const view = this.#looks.statOf(fd);
    const known = { lease, tells: false, device0: 0, device1: 0, enteredS: this.#nowS() };
    if (view !== 'failed') {
      known.device0 = view.deviceWord(0);
      known.device1 = view.deviceWord(1);
      known.tells = tellsOfAttributes(fileSystemOf(fd));
    }
    this.#lookedIn = known;
    return known;
  }

  #setAttrs(fd: number, { userId, groupId, mode, mtimeNs }: AttrPatch): void {
    if (userId !== undefined || groupId !== undefined)
      this.#files.setOwner(fd, userId ?? SAME_ID, groupId ?? SAME_ID);
    if (mode !== undefined) this.#files.setMode(fd, mode);
    if (mtimeNs !== undefined) this.#files.setTime(fd, mtimeNs);
  }

  /** Whether an open file is a regular one in that state; the cheapest to compare comes first. */
  #isIn(fd: number, { sizeBytes, mtimeNs, ctimeNs, inode }: FileState): boolean {
    const view = this.#looks.statOf(fd);
    return (
      view !== 'failed' &&
      isRegular(view) &&
      view.sizeBytes === sizeBytes &&
      view.mtimeNs === mtimeNs &&
      view.ctimeNs === ctimeNs &&
      String(view.inode) === inode
    );
  }

  /** As `Dir.openFile`: no special file passes for a regular one. */
  #sizeOfRegular(fd: number, shown: () => string): number {
    const view = this.#looks.statOf(fd);
    if (view === 'failed') return foundAt(fd, shown()).sizeBytes;
    if (!isRegular(view)) throw notRegular(shown());
    return view.sizeBytes;
  }

  /** New as a rule; a leftover is opened as it is. */
  #openForWriting(
    { dirFd, name, permission }: { readonly dirFd: number; readonly name: Name; readonly permission: number },
    shown: () => string,
  ): number {
    try {
      return this.#files.open(dirFd, name, FILE_FLAGS.create, permission);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    }
    const fd = this.#files.open(dirFd, name, FILE_FLAGS.append, permission);
    try {
      this.#sizeOfRegular(fd, shown);
      return fd;
    } catch (thrown) {
      this.#files.close(fd);
      throw thrown;
    }
  }
}

/** Of fchown(2): it stays. */
const SAME_ID = 0xffff_ffff;

function isRegular(view: LookFields): boolean {
  return (view.mode & constants.S_IFMT) === constants.S_IFREG;
}

/** What an open file is. Throws CW_UNSUPPORTED for one that is not regular. */
function foundAt(fd: number, shown: string): Stat {
  const stat = toStat(fs.fstatSync(fd, BIGINT));
  if (stat.kind !== 'file') throw notRegular(shown);
  return stat;
}

/** Nanoseconds since 1970 that 64 bits hold. */
const LATEST_NS = 2n ** 63n - 1n;
const EARLIEST_NS = -(2n ** 63n);

/** False where there is more to know of an entry than a plain file has. */
function toPlain(view: LookFields, into: PlainStat): boolean {
  const mode = view.mode;
  if ((mode & constants.S_IFMT) !== constants.S_IFREG || view.linkCount !== 1) return false;
  const sizeBytes = view.sizeBytes;
  const mtimeNs = view.mtimeNs;
  if (sizeBytes - view.allocatedBytes >= LIMITS.holeMinBytes.value) return false;
  if (!Number.isSafeInteger(sizeBytes) || mtimeNs < EARLIEST_NS || mtimeNs > LATEST_NS) return false;
  into.kind = 'file';
  into.sizeBytes = sizeBytes;
  into.mode = mode & 0o7777;
  into.mtimeNs = mtimeNs;
  into.ctimeNs = view.ctimeNs;
  into.inode = view.inode;
  into.userId = view.userId;
  into.groupId = view.groupId;
  return true;
}

/** Of bytes that were read as Latin-1: ASCII is the same in UTF-8. */
function isPlainName(name: string): boolean {
  return name.length <= LIMITS.nameMaxBytes.value && !/[^\x01-\x7f]/.test(name);
}

/** Empty where that cannot be found out. */
function fileSystemOf(fd: number): string {
  try {
    return toSpaceInfo(fs.statfsSync(`/proc/self/fd/${fd}/.`), false).fileSystem;
  } catch {
    return '';
  }
}

function notRegular(shown: string): CausewayError {
  return new CausewayError('CW_UNSUPPORTED', `cannot open ${shown}: it is no regular file`);
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

/** As {@link readAll}; what is no regular file gives nothing, whether it can be read or not: its state tells what it is. */
function readRegular(fd: number, into: Uint8Array): number {
  try {
    return readAll(fd, into);
  } catch (thrown) {
    if (fs.fstatSync(fd).isFile()) throw thrown;
    return 0;
  }
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
function at<T>(dir: Dir, name: Name, operation: string, call: (dirFd: number, shown: () => string) => T): T {
  assert(dir instanceof NodeDir, 'the folder is of this machine');
  const dirFd = dir.enterFd();
  const shown = () => dir.shown(name);
  try {
    parseName(name);
    if (!name.isWellFormed()) throw new CausewayError('CW_DISK_NAME', 'the name is not valid Unicode');
    return call(dirFd, shown);
  } catch (thrown) {
    throw diskError(operation, shown(), thrown);
  } finally {
    dir.leaveFd();
  }
}

/** Null where the system's calls cannot be bound: the longer way does it then. Called once in a thread. */
export function createWholeFiles(
  syscalls: Syscalls | null,
  folder: ThreadFolder | null,
  nowS = () => Math.floor(Date.now() / 1_000),
): WholeFiles | null {
  if (process.platform !== 'linux' || syscalls === null || constants.O_NOFOLLOW === undefined) return null;
  const files = bindFileCalls();
  const looks = bindLookCalls();
  return files === null || looks === null
    ? null
    : new NodeWholeFiles({ syscalls, files, looks, folder, nowS });
}
