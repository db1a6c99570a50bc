import { assert } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import {
  joinAbsolute,
  type Name,
  parseName,
  type RelPath,
  ROOT_PATH,
  resolveAbsolute,
  splitAbsolute,
} from '../base/path.ts';
import { DirCache } from '../tree/dir_cache.ts';
import type { RootInfo } from '../wire/copy_types.ts';
import type { Dir, Disk, Stat } from '../world/disk.ts';

/** Symlinks that are followed from one source that the user named, as the kernel's own limit. */
const SYMLINK_HOPS_MAX = 40;

/** One thing that the user named as a source, open. */
export interface SourceRoot {
  readonly info: RootInfo;
  readonly stat: Stat;
  /** For a folder the folder itself, for a file the folder that holds it. */
  readonly dir: Dir;
  readonly dirs: DirCache;
  /** The file's name below `dir`; null for a folder. */
  readonly fileName: Name | null;
}

/**
 * Opens a source: a symlink that the user names is followed, links below are not. `PATH/.` asks for what is inside.
 * Throws CW_COPY_SOURCE_MISSING, CW_COPY_SOURCE_UNREADABLE.
 */
export async function openSource(disk: Disk, path: string): Promise<SourceRoot> {
  const contents = path.endsWith('/.');
  const plain = resolveAbsolute('/', path);
  const shown = splitAbsolute(plain).name;
  try {
    const stat = await disk.statPath(plain);
    if (stat === null) throw new CausewayError('CW_COPY_SOURCE_MISSING', `${plain} does not exist`);
    if (stat.kind === 'directory') return await openFolder(disk, plain, shown, contents, stat);
    if (stat.kind !== 'file')
      throw new CausewayError('CW_COPY_SOURCE_UNREADABLE', `${plain} is neither a file nor a folder`);
    return await openFile(disk, plain, shown, stat);
  } catch (failure) {
    if (failure instanceof CausewayError && failure.code === 'CW_DISK_PERMISSION') {
      throw new CausewayError('CW_COPY_SOURCE_UNREADABLE', failure.message, { cause: failure });
    }
    throw failure;
  }
}

async function openFolder(
  disk: Disk,
  path: string,
  name: string,
  contents: boolean,
  stat: Stat,
): Promise<SourceRoot> {
  const dir = await disk.openRoot(path);
  // The root folder of the machine has no name of its own: only what is inside can be copied.
  const info: RootInfo = { name, kind: 'directory', contents: contents || name === '' };
  return { info, stat, dir, dirs: new DirCache(dir), fileName: null };
}

async function openFile(disk: Disk, path: string, shown: string, stat: Stat): Promise<SourceRoot> {
  const { folder, name } = await followLinks(disk, path);
  const dir = await disk.openRoot(folder);
  const info: RootInfo = { name: shown, kind: 'file', contents: false };
  return { info, stat, dir, dirs: new DirCache(dir), fileName: name };
}

async function followLinks(disk: Disk, path: string): Promise<{ folder: string; name: Name }> {
  let at = path;
  for (let hop = 0; hop < SYMLINK_HOPS_MAX; hop += 1) {
    const { folder, name } = splitAbsolute(at);
    const parsed = parseName(name);
    const dir = await disk.openRoot(folder);
    try {
      const stat = await dir.stat(parsed);
      if (stat.kind !== 'symlink') return { folder, name: parsed };
      at = resolveAbsolute(folder, await dir.readLink(parsed));
    } finally {
      await dir.close();
    }
  }
  throw new CausewayError('CW_COPY_SOURCE_UNREADABLE', `${path} leads through too many symbolic links`);
}

export async function closeSource(root: Pick<SourceRoot, 'dir' | 'dirs'>): Promise<void> {
  await root.dirs[Symbol.asyncDispose]();
  await root.dir.close();
}

/** The path of a plan entry below its root's `dir`. */
export function pathBelow(root: Omit<SourceRoot, 'stat'>, planPath: RelPath): RelPath {
  if (root.fileName !== null) return root.fileName as unknown as RelPath;
  if (root.info.contents) return planPath;
  const cut = planPath.indexOf('/');
  return cut < 0 ? ROOT_PATH : (planPath.slice(cut + 1) as RelPath); // the rest of a path is one
}

/** For messages: where an entry of the plan lies on the source machine. */
export function shownPath(folder: string, path: string): string {
  return joinAbsolute(folder, path);
}

/** CW_USAGE where two of them would have the same name at the destination. */
export function refuseTwins(roots: readonly SourceRoot[]): void {
  assert(roots.length > 0, 'a copy has a source');
  const names = new Set<string>();
  for (const { info } of roots) {
    if (info.contents) continue;
    if (names.has(info.name))
      throw new CausewayError(
        'CW_USAGE',
        `two sources are called ${info.name}: they would overwrite each other`,
      );
    names.add(info.name);
  }
}
