import { isAbsolute } from 'node:path';
import { CausewayError } from '../../base/errors.ts';
import type { Dir, Disk, Stat } from '../disk.ts';
import { type AnchorKind, anchorOf, defaultAnchor } from './anchor.ts';
import { cachedStat } from './cached_entries.ts';
import { NodeDir } from './dir.ts';
import type { DiskContext } from './disk_context.ts';
import { diskError } from './disk_errors.ts';
import { FdLease } from './fd_lease.ts';
import { type DiskMode, fsCalls } from './fs_calls.ts';
import { ROOT_FLAGS } from './open_flags.ts';
import { loadRangeCalls } from './range_calls.ts';
import { toStat } from './stat.ts';
import { loadSyscalls, type Syscalls } from './syscalls.ts';
import { loadXattrCalls } from './xattr_calls.ts';

export interface NodeDiskOptions {
  /** `blocking` is for worker threads: every call is done in the calling thread, with no hop to libuv's pool. Default `async`. */
  readonly mode?: DiskMode;
  /** System calls beyond Node's; null does without. Default: what the platform has. */
  readonly syscalls?: Syscalls | null;
  /** How names are reached; default `proc` where /proc exists, see anchor.ts for what `path` cannot promise. */
  readonly anchor?: AnchorKind;
}

class NodeDisk implements Disk {
  readonly #context: DiskContext;

  constructor(context: DiskContext) {
    this.#context = context;
  }

  async openRoot(absolutePath: string): Promise<Dir> {
    const path = checkAbsolute(absolutePath);
    const { calls } = this.#context;
    try {
      const fd = await calls.open(path, ROOT_FLAGS);
      return new NodeDir(this.#context, new FdLease(fd, calls.close), path);
    } catch (thrown) {
      throw diskError('open', path, thrown);
    }
  }

  cachedStat(absolutePath: string): Stat | null {
    return cachedStat(checkAbsolute(absolutePath));
  }

  async statPath(absolutePath: string): Promise<Stat | null> {
    const path = checkAbsolute(absolutePath);
    try {
      return toStat(await this.#context.calls.stat(path));
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return null;
      throw diskError('inspect', path, thrown);
    }
  }
}

function checkAbsolute(path: string): string {
  if (!isAbsolute(path) || path.includes('\0'))
    throw new CausewayError('CW_DISK_NAME', `${JSON.stringify(path)} is not an absolute path`);
  // `..` is left to the kernel: behind a symlink it means another folder than the text suggests
  return path.replace(/(?<=.)\/+$/, '');
}

/** The machine's file systems. Times are exact to the nanosecond with system calls and to the microsecond without. */
export function createNodeDisk(options: NodeDiskOptions = {}): Disk {
  return new NodeDisk(createDiskContext(options));
}

/** What the handles of such a disk share. */
export function createDiskContext(options: NodeDiskOptions = {}): DiskContext {
  const mode = options.mode ?? 'async';
  const bare = options.syscalls === null;
  return {
    mode,
    calls: fsCalls(mode),
    anchor: anchorOf(options.anchor ?? defaultAnchor()),
    syscalls: options.syscalls === undefined ? loadSyscalls() : options.syscalls,
    rangeCalls: bare ? null : loadRangeCalls(),
    xattrCalls: bare ? null : loadXattrCalls(),
  };
}
