import fs from 'node:fs';
import { promisify } from 'node:util';

/** `async`: in libuv's thread pool. `blocking`: in the calling thread, behind the same promises; for worker threads. */
export type DiskMode = 'async' | 'blocking';

const BIGINT = { bigint: true } as const;
const RAW = 'buffer' as const;

const asyncCalls = {
  open: promisify(fs.open) as (path: string, flags: number, mode?: number) => Promise<number>,
  close: promisify(fs.close) as (fd: number) => Promise<void>,
  fstat: (fd: number) => fstatAsync(fd),
  lstat: (path: string) => lstatAsync(path),
  stat: (path: string) => statAsync(path),
  statfs: promisify(fs.statfs) as (path: string) => Promise<fs.StatsFs>,
  access: promisify(fs.access) as (path: string, mode: number) => Promise<void>,
  readlink: (path: string) => readlinkAsync(path),
  mkdir: promisify(fs.mkdir) as (path: string, mode: number) => Promise<unknown>,
  symlink: promisify(fs.symlink) as (target: string, path: string) => Promise<void>,
  rename: promisify(fs.rename) as (from: string, to: string) => Promise<void>,
  unlink: promisify(fs.unlink) as (path: string) => Promise<void>,
  rmdir: promisify(fs.rmdir) as (path: string) => Promise<void>,
  link: promisify(fs.link) as (existing: string, path: string) => Promise<void>,
  lchown: promisify(fs.lchown) as (path: string, userId: number, groupId: number) => Promise<void>,
  fchown: promisify(fs.fchown) as (fd: number, userId: number, groupId: number) => Promise<void>,
  chmod: promisify(fs.chmod) as (path: string, mode: number) => Promise<void>,
  fchmod: promisify(fs.fchmod) as (fd: number, mode: number) => Promise<void>,
  lutimes: promisify(fs.lutimes) as (path: string, atime: string, mtime: string) => Promise<void>,
  futimes: promisify(fs.futimes) as (fd: number, atime: string, mtime: string) => Promise<void>,
  ftruncate: promisify(fs.ftruncate) as (fd: number, sizeBytes: number) => Promise<void>,
  fsync: promisify(fs.fsync) as (fd: number) => Promise<void>,
  fdatasync: promisify(fs.fdatasync) as (fd: number) => Promise<void>,
  read: (fd: number, into: Uint8Array, at: number) =>
    new Promise<number>((resolve, reject) => {
      fs.read(fd, into, 0, into.byteLength, at, (error, count) => (error ? reject(error) : resolve(count)));
    }),
  write: (fd: number, from: Uint8Array, at: number) =>
    new Promise<number>((resolve, reject) => {
      fs.write(fd, from, 0, from.byteLength, at, (error, count) => (error ? reject(error) : resolve(count)));
    }),
  opendir: (path: string, bufferSize: number) => opendirAsync(path, bufferSize),
  readdir: (dir: fs.Dir) => dir.read(),
  closedir: (dir: fs.Dir) => dir.close(),
};

function statWith(call: (path: string, options: typeof BIGINT, done: StatDone) => void, path: string) {
  return new Promise<fs.BigIntStats>((resolve, reject) => {
    call(path, BIGINT, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

type StatDone = (error: NodeJS.ErrnoException | null, stats: fs.BigIntStats) => void;

const lstatAsync = (path: string) => statWith(fs.lstat, path);
const statAsync = (path: string) => statWith(fs.stat, path);

function fstatAsync(fd: number): Promise<fs.BigIntStats> {
  return new Promise((resolve, reject) => {
    fs.fstat(fd, BIGINT, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

function readlinkAsync(path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    fs.readlink(path, RAW, (error, target) => (error ? reject(error) : resolve(target)));
  });
}

/** The types know no raw names in `opendir`; the runtime does, and gives each entry's name as a Buffer. */
function rawNames(bufferSize: number): fs.OpenDirOptions {
  return { encoding: RAW as unknown as BufferEncoding, bufferSize };
}

function opendirAsync(path: string, bufferSize: number): Promise<fs.Dir> {
  return new Promise((resolve, reject) => {
    fs.opendir(path, rawNames(bufferSize), (error, dir) => (error ? reject(error) : resolve(dir)));
  });
}

/** The calls of `node:fs` that the disk uses, thinly wrapped. */
export type FsCalls = typeof asyncCalls;

const blockingCalls: FsCalls = {
  open: async (path, flags, mode) => fs.openSync(path, flags, mode),
  close: async (fd) => fs.closeSync(fd),
  fstat: async (fd) => fs.fstatSync(fd, BIGINT),
  lstat: async (path) => fs.lstatSync(path, BIGINT),
  stat: async (path) => fs.statSync(path, BIGINT),
  statfs: async (path) => fs.statfsSync(path),
  access: async (path, mode) => fs.accessSync(path, mode),
  readlink: async (path) => fs.readlinkSync(path, RAW),
  mkdir: async (path, mode) => fs.mkdirSync(path, mode),
  symlink: async (target, path) => fs.symlinkSync(target, path),
  rename: async (from, to) => fs.renameSync(from, to),
  unlink: async (path) => fs.unlinkSync(path),
  rmdir: async (path) => fs.rmdirSync(path),
  link: async (existing, path) => fs.linkSync(existing, path),
  lchown: async (path, userId, groupId) => fs.lchownSync(path, userId, groupId),
  fchown: async (fd, userId, groupId) => fs.fchownSync(fd, userId, groupId),
  chmod: async (path, mode) => fs.chmodSync(path, mode),
  fchmod: async (fd, mode) => fs.fchmodSync(fd, mode),
  lutimes: async (path, atime, mtime) => fs.lutimesSync(path, atime, mtime),
  futimes: async (fd, atime, mtime) => fs.futimesSync(fd, atime, mtime),
  ftruncate: async (fd, sizeBytes) => fs.ftruncateSync(fd, sizeBytes),
  fsync: async (fd) => fs.fsyncSync(fd),
  fdatasync: async (fd) => fs.fdatasyncSync(fd),
  read: async (fd, into, at) => fs.readSync(fd, into, 0, into.byteLength, at),
  write: async (fd, from, at) => fs.writeSync(fd, from, 0, from.byteLength, at),
  opendir: async (path, bufferSize) => fs.opendirSync(path, rawNames(bufferSize)),
  readdir: async (dir) => dir.readSync(),
  closedir: async (dir) => dir.closeSync(),
};

export function fsCalls(mode: DiskMode): FsCalls {
  return mode === 'blocking' ? blockingCalls : asyncCalls;
}
