import { asCausewayError, CausewayError } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import type { Dir, Stat } from '../../world/disk.ts';

export interface Move {
  readonly fromDir: Dir;
  readonly name: Name;
  readonly toDir: Dir;
  readonly toName: Name;
}

/** Refusals of a second name for a file, for which there is another way. */
const NO_LINKS: ReadonlySet<string> = new Set(['CW_DISK_PERMISSION', 'CW_UNSUPPORTED']);

/** Takes the place of what stands there. */
export async function renameOver({ fromDir, name, toDir, toName }: Move): Promise<void> {
  const from = await fromDir.stat(name);
  const to = await statOrNull(toDir, toName);
  await fromDir.rename(name, toDir, toName);
  // rename(2) does nothing where both are names of one file: the earlier name goes all the same
  if (to === null || !isSame(from, to) || from.kind === 'directory' || from.linkCount < 2) return;
  const isOneFolder = isSame(await fromDir.self(), await toDir.self());
  if (isOneFolder && name.toLowerCase() === toName.toLowerCase()) return; // one name, as some file systems see it
  await fromDir.removeFile(name);
}

/**
 * Takes a name that nothing has. A folder is renamed onto an empty one made for it, a file gets the name as a second one
 * first: both fail where something stands there, at that very moment.
 */
export async function renameNew({ fromDir, name, toDir, toName }: Move): Promise<void> {
  const { kind } = await fromDir.stat(name);
  if (kind === 'directory') {
    await toDir.makeDir(toName);
    try {
      await fromDir.rename(name, toDir, toName);
    } catch (failure) {
      await toDir.removeDir(toName);
      throw failure;
    }
    return;
  }
  const { links } = fromDir.caps;
  if (links !== null) {
    try {
      await links.link(name, toDir, toName);
      await fromDir.removeFile(name);
      return;
    } catch (failure) {
      if (!NO_LINKS.has(asCausewayError(failure).code)) throw failure;
    }
  }
  if ((await statOrNull(toDir, toName)) !== null)
    throw new CausewayError('CW_DISK_EXISTS', `something is called ${toName} there`);
  await fromDir.rename(name, toDir, toName);
}

function isSame(a: Stat, b: Stat): boolean {
  return a.deviceId === b.deviceId && a.inode === b.inode;
}

async function statOrNull(dir: Dir, name: Name): Promise<Stat | null> {
  try {
    return await dir.stat(name);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}
