import fs from 'node:fs';
import { CausewayError } from '../../base/errors.ts';

/**
 * How names below an open directory are reached.
 *
 * `proc`: through `/proc/self/fd/<fd>`, which leads to the directory that is open and to no other, whatever was
 * renamed, removed or replaced by a symlink on its path meanwhile.
 *
 * `path`: through the remembered absolute path, for machines without /proc (macOS). Before each call the path is
 * compared with the open directory by device and inode, and a path that now leads elsewhere is refused. Between that
 * check and the call a local user who may write to a parent folder could still swap it: this is weaker than `proc`.
 */
export type AnchorKind = 'proc' | 'path';

/** The path that stands for the open directory `fd`; throws CW_DISK_SYMLINK where a remembered path leads elsewhere. */
export type Anchor = (fd: number, absolutePath: string) => string;

const viaProc: Anchor = (fd) => `/proc/self/fd/${fd}`;

const viaPath: Anchor = (fd, absolutePath) => {
  const open = fs.fstatSync(fd, { bigint: true });
  const named = fs.statSync(absolutePath, { bigint: true, throwIfNoEntry: false });
  if (named === undefined)
    throw new CausewayError(
      'CW_DISK_NOT_FOUND',
      `${absolutePath} was removed or moved away since it was opened`,
    );
  if (named.ino !== open.ino || named.dev !== open.dev)
    throw new CausewayError(
      'CW_DISK_SYMLINK',
      `${absolutePath} leads to another place than when it was opened`,
    );
  return absolutePath;
};

export function defaultAnchor(): AnchorKind {
  return process.platform === 'linux' && fs.existsSync('/proc/self/fd') ? 'proc' : 'path';
}

export function anchorOf(kind: AnchorKind): Anchor {
  return kind === 'proc' ? viaProc : viaPath;
}
