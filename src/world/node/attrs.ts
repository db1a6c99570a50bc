import { constants } from 'node:fs';
import type { AttrPatch } from '../disk.ts';
import type { DiskContext } from './disk_context.ts';

/** Linux; `fs.constants` lacks it. Opens the entry itself, whatever it is, with no permission to read it needed. */
const O_PATH = 0o10000000;
const SYMLINK = 0o120000n;
const TYPE_MASK = 0o170000n;

/**
 * Seconds as `fs.utimes` takes them: a float, which keeps about a microsecond of today's times. As text, because a
 * negative number (before 1970) would be replaced by the present.
 */
function seconds(timeNs: bigint): string {
  return String(Number(timeNs / 1000n) / 1e6);
}

async function setModeLinux(context: DiskContext, path: string, mode: number): Promise<void> {
  const { calls } = context;
  const fd = await calls.open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    const stats = await calls.fstat(fd);
    // chmod(2) has no way to name a symlink and would change its target: the open entry is named instead
    if ((stats.mode & TYPE_MASK) !== SYMLINK) await calls.chmod(`/proc/self/fd/${fd}`, mode);
  } finally {
    await calls.close(fd);
  }
}

async function setModeByOpening(context: DiskContext, path: string, mode: number): Promise<void> {
  const { calls } = context;
  const stats = await calls.lstat(path);
  if ((stats.mode & TYPE_MASK) === SYMLINK) return;
  const fd = await calls.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await calls.fchmod(fd, mode);
  } finally {
    await calls.close(fd);
  }
}

/** For chown(2): leave it as it is. */
const UNCHANGED = -1;

function changesOwner({ userId, groupId }: AttrPatch): boolean {
  return userId !== undefined || groupId !== undefined;
}

/** Sets owner, mode and time of the entry `name`, reached as `path`, without following a symlink. */
export async function setNameAttrs(
  context: DiskContext,
  at: { readonly dirFd: number; readonly path: string; readonly name: string },
  patch: AttrPatch,
): Promise<void> {
  const { calls, syscalls } = context;
  if (changesOwner(patch)) await calls.lchown(at.path, patch.userId ?? UNCHANGED, patch.groupId ?? UNCHANGED);
  if (patch.mode !== undefined) {
    const setMode = process.platform === 'linux' ? setModeLinux : setModeByOpening;
    await setMode(context, at.path, patch.mode);
  }
  if (patch.mtimeNs === undefined) return;
  if (syscalls !== null) {
    syscalls.utimensAt(at.dirFd, at.name, patch.mtimeNs);
    return;
  }
  const { atimeNs } = await calls.lstat(at.path);
  await calls.lutimes(at.path, seconds(atimeNs), seconds(patch.mtimeNs));
}

/** Sets owner, mode and time of an open file. */
export async function setFileAttrs(context: DiskContext, fd: number, patch: AttrPatch): Promise<void> {
  const { calls, syscalls } = context;
  if (changesOwner(patch)) await calls.fchown(fd, patch.userId ?? UNCHANGED, patch.groupId ?? UNCHANGED);
  if (patch.mode !== undefined) await calls.fchmod(fd, patch.mode);
  if (patch.mtimeNs === undefined) return;
  if (syscalls !== null) {
    syscalls.futimens(fd, patch.mtimeNs);
    return;
  }
  const { atimeNs } = await calls.fstat(fd);
  await calls.futimes(fd, seconds(atimeNs), seconds(patch.mtimeNs));
}
