import { CausewayError } from '../../../base/errors.ts';
import type { Seen } from '../../../cache/rollback/batch_records.ts';
import type { Posix } from '../../../world/posix.ts';
import { Statx } from '../attributes.ts';
import { ERRNO, O_CREAT, O_EXCL, O_PATH } from '../protocol.ts';
import { PLACE } from '../state.ts';

/** Of a `struct statx`. */
const STATX = { userId: 20, groupId: 24, inode: 32, ctime: 96, mtime: 112 } as const;
const NAME_ROOM = 1_024;
const NS_PER_S = 1_000_000_000n;
export const O_RDONLY = 0;
export const O_RDWR = 2;

/** Where a name is put: the first two for whoever makes a change, the third for what keeps what it overwrites. */
export type NamePlace = 0 | 1 | 2;

/** A name in an open folder. */
export interface Spot {
  readonly dirFd: number;
  readonly nameAt: number;
}

/**
 * Files below one folder by their paths, for whoever works between two requests: names and what is looked at lie where an operation
 * has its own. No symlink is followed on the way.
 */
export class Places {
  readonly posix: Posix;
  readonly rootFd: number;
  readonly #statx: Statx;

  constructor(posix: Posix, rootFd: number) {
    this.posix = posix;
    this.rootFd = rootFd;
    this.#statx = new Statx(posix.memory.view, PLACE.statx);
  }

  /** Puts a name where calls find it: one of three places beside each other. */
  name(name: string, place: NamePlace = 0): number {
    const at = PLACE.name + place * NAME_ROOM;
    const { bytes } = this.posix.memory;
    bytes[at + bytes.write(name, at, 'latin1')] = 0;
    return at;
  }

  /** What a name stands for; null where there is nothing. */
  look({ dirFd, nameAt }: Spot): Seen | null {
    const result = this.posix.attrs.stat(dirFd, nameAt, PLACE.statx);
    if (result === -ERRNO.ENOENT || result === -ERRNO.ENOTDIR) return null;
    this.checked(result, 'look at a file');
    return this.#seen();
  }

  /** What a descriptor stands for. */
  lookAt(fd: number): Seen {
    return this.look({ dirFd: fd, nameAt: this.posix.memory.emptyNameAt }) as Seen;
  }

  /** Runs a call with the folder of a path open; null where there is no such folder. */
  at<T>(path: string, call: (dirFd: number, name: string) => T, place: NamePlace = 0): T | null {
    const names = path.split('/');
    const last = names.pop() ?? '';
    const dirFd = this.openFolder(names, place);
    if (dirFd === null) return null;
    try {
      return call(dirFd, last);
    } finally {
      if (dirFd !== this.rootFd) this.posix.data.close(dirFd);
    }
  }

  lookUp(path: string): Seen | null {
    return path === ''
      ? this.lookAt(this.rootFd)
      : this.at(path, (dirFd, name) => this.look({ dirFd, nameAt: this.name(name) }));
  }

  /** A descriptor (O_PATH) of a folder, to be closed where it is not that of the root; null where there is none. */
  openFolder(names: readonly string[], place: NamePlace = 0): number | null {
    let fd = this.rootFd;
    for (const name of names) {
      const next = this.posix.names.open(fd, this.name(name, place), O_PATH, 0);
      if (fd !== this.rootFd) this.posix.data.close(fd);
      if (next === -ERRNO.ENOENT || next === -ERRNO.ENOTDIR) return null;
      fd = this.checked(next, 'open a folder');
    }
    return fd;
  }

  /** Makes the folders that are missing. */
  makeFolders(names: readonly string[], place: NamePlace): number {
    let fd = this.rootFd;
    for (const name of names) {
      const made = this.posix.names.makeDir(fd, this.name(name, place), 0o700);
      if (made < 0 && made !== -ERRNO.EEXIST) this.checked(made, 'make a folder');
      const next = this.checked(
        this.posix.names.open(fd, this.name(name, place), O_PATH, 0),
        'open a folder',
      );
      if (fd !== this.rootFd) this.posix.data.close(fd);
      fd = next;
    }
    return fd;
  }

  /** Names in a folder but `.` and `..`. */
  list(folderFd: number): string[] {
    const { data, names, memory } = this.posix;
    const fd = this.checked(names.reopen(folderFd, O_RDONLY), 'list a folder');
    const found: string[] = [];
    try {
      for (let cookie: bigint | null = 0n; ; cookie = null) {
        const count = this.checked(data.list(fd, PLACE.list, PLACE.listBytes, cookie), 'list a folder');
        if (count === 0) return found;
        for (let at = PLACE.list; at < PLACE.list + count; at += memory.bytes.readUInt16LE(at + 16)) {
          const name = memory.bytes.toString('latin1', at + 19, memory.bytes.indexOf(0, at + 19));
          if (name !== '.' && name !== '..') found.push(name);
        }
      }
    } finally {
      data.close(fd);
    }
  }

  /** The whole content of a small file; null where there is none. */
  read(dirFd: number, name: string, place: NamePlace): Buffer | null {
    const { data, names, memory } = this.posix;
    const fd = names.open(dirFd, this.name(name, place), O_RDONLY, 0);
    if (fd === -ERRNO.ENOENT) return null;
    this.checked(fd, `read ${name}`);
    const pieces: Buffer[] = [];
    try {
      for (let offset = 0; ; ) {
        const count = this.checked(
          data.read(fd, PLACE.list, PLACE.listBytes, BigInt(offset)),
          `read ${name}`,
        );
        if (count === 0) return Buffer.concat(pieces);
        pieces.push(Buffer.from(memory.bytes.subarray(PLACE.list, PLACE.list + count)));
        offset += count;
      }
    } finally {
      data.close(fd);
    }
  }

  /** A descriptor of a file that is read and written, and made where it is missing. */
  openOwn(dirFd: number, name: string, place: NamePlace): number {
    const { names } = this.posix;
    const found = names.open(dirFd, this.name(name, place), O_RDWR, 0);
    if (found !== -ERRNO.ENOENT) return this.checked(found, `open ${name}`);
    return this.checked(
      names.open(dirFd, this.name(name, place), O_RDWR | O_CREAT | O_EXCL, 0o600),
      `make ${name}`,
    );
  }

  write(fd: number, bytes: Uint8Array, offset: number): void {
    const { data, memory } = this.posix;
    for (let done = 0; done < bytes.byteLength; ) {
      const piece = bytes.subarray(done, done + PLACE.listBytes);
      memory.bytes.set(piece, PLACE.list);
      done += this.checked(data.write(fd, PLACE.list, piece.byteLength, BigInt(offset + done)), 'write');
    }
  }

  /** Copies bytes from file to file, without reading them where the file system can; to the end of the first at most. */
  copy(fromFd: number, from: number, toFd: number, to: number, sizeBytes: number): number {
    const { data } = this.posix;
    let done = 0;
    while (done < sizeBytes) {
      const [at, into] = [BigInt(from + done), BigInt(to + done)];
      let count = data.copyRange(fromFd, at, toFd, into, BigInt(sizeBytes - done));
      if (count < 0) {
        const most = Math.min(PLACE.listBytes, sizeBytes - done);
        count = this.checked(data.read(fromFd, PLACE.list, most, at), 'read');
        for (let put = 0; put < count; )
          put += this.checked(data.write(toFd, PLACE.list + put, count - put, into + BigInt(put)), 'write');
      }
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  /** The result of a call; CW_DISK_* where it is an error. */
  checked(result: number, what: string): number {
    if (result >= 0) return result;
    const code =
      result === -ERRNO.ENOSPC || result === -ERRNO.EDQUOT
        ? 'CW_DISK_FULL'
        : result === -ERRNO.EACCES || result === -ERRNO.EPERM
          ? 'CW_DISK_PERMISSION'
          : 'CW_DISK_IO';
    throw new CausewayError(code, `cannot ${what} (error ${-result})`);
  }

  #seen(): Seen {
    const { view } = this.posix.memory;
    const at = PLACE.statx;
    const time = (offset: number) =>
      String(view.getBigInt64(at + offset, true) * NS_PER_S + BigInt(view.getUint32(at + offset + 8, true)));
    return {
      key: `${view.getBigUint64(at + STATX.inode, true).toString(16)}:${this.#statx.birth}`,
      mode: this.#statx.mode,
      userId: view.getUint32(at + STATX.userId, true),
      groupId: view.getUint32(at + STATX.groupId, true),
      links: this.#statx.linkCount,
      sizeBytes: this.#statx.sizeBytes,
      mtimeNs: time(STATX.mtime),
      ctimeNs: time(STATX.ctime),
    };
  }
}
