import { CausewayError } from '../../base/errors.ts';
import { type RelPath, ROOT_PATH, resolveAbsolute } from '../../base/path.ts';
import { DirCache } from '../../tree/dir_cache.ts';
import type { Dir, Disk } from '../../world/disk.ts';

export interface ReferenceParts {
  readonly disk: Disk;
  /** Absolute path of the folder. */
  readonly path: string;
  /** Absolute path of the destination. */
  readonly destination: string;
  /** The folder that takes the copy. */
  readonly root: Dir;
  /** The first component of a place in `root` is the destination itself. */
  readonly isNested: boolean;
}

/** A folder with an earlier copy of the same tree, of which nothing is ever changed. */
export class ReferenceFolder implements AsyncDisposable {
  readonly dirs: DirCache;
  readonly path: string;
  readonly #root: Dir;
  readonly #isNested: boolean;

  private constructor({ path, isNested }: ReferenceParts, root: Dir) {
    this.path = path;
    this.#root = root;
    this.#isNested = isNested;
    this.dirs = new DirCache(root);
  }

  /**
   * Opens it; null where nothing is there. CW_COPY_LINK_DEST where files there cannot be linked to, or the copy would
   * change them; CW_DISK_*.
   */
  static async open(parts: ReferenceParts): Promise<ReferenceFolder | null> {
    const { disk, root } = parts;
    const path = resolveAbsolute('/', parts.path);
    const destination = resolveAbsolute('/', parts.destination);
    if ((await disk.statPath(path)) === null) return null;
    if (isWithin(path, destination) || isWithin(destination, path))
      throw new CausewayError('CW_COPY_LINK_DEST', `${path} and ${destination} are not beside each other`);
    const dir = await disk.openRoot(path);
    try {
      const [there, here] = [await dir.self(), await root.self()];
      if (there.deviceId !== here.deviceId)
        throw new CausewayError('CW_COPY_LINK_DEST', `${path} is on another file system than ${destination}`);
      if (there.inode === here.inode && !parts.isNested)
        throw new CausewayError('CW_COPY_LINK_DEST', `${path} is the destination itself`);
      return new ReferenceFolder({ ...parts, path }, dir);
    } catch (failure) {
      await dir.close();
      throw failure;
    }
  }

  /** Where the earlier copy has what goes to `target`. */
  of(target: RelPath): RelPath {
    if (!this.#isNested) return target;
    const cut = target.indexOf('/');
    return cut < 0 ? ROOT_PATH : (target.slice(cut + 1) as RelPath);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dirs[Symbol.asyncDispose]();
    await this.#root.close();
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

export interface LinkingParts {
  readonly reference: ReferenceFolder;
  /** Where a link has a name until it replaces what stands in its place. */
  readonly store: Dir;
}
