import { asCausewayError, type CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { joinRel, namesOf, type RelPath, ROOT_PATH, splitRel } from '../base/path.ts';
import type { Dir } from '../world/disk.ts';

/**
 * Folders below one root that a job works in, found by relative path. Each is opened from its parent, as {@link DirCache}
 * does, but by the job: in a thread with blocking calls that costs a tenth of what the way over the main thread does.
 */
export class JobFolders implements AsyncDisposable {
  readonly #root: Dir;
  /** The last opened are at the end. */
  readonly #open = new Map<RelPath, Dir>();
  /** What could not be opened last. */
  #failed: { readonly path: RelPath; readonly error: CausewayError } | null = null;

  constructor(root: Dir) {
    this.#root = root;
  }

  /** The folder at `path`, open until the next one is asked for. CW_DISK_* where it cannot be opened. */
  async at(path: RelPath): Promise<Dir> {
    if (path === ROOT_PATH) return this.#root;
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    if (this.#failed?.path === path) throw this.#failed.error;
    try {
      return await this.#openAt(path);
    } catch (failure) {
      this.#failed = { path, error: asCausewayError(failure) };
      throw this.#failed.error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const dir of this.#open.values()) await dir.close();
    this.#open.clear();
  }

  async #openAt(path: RelPath): Promise<Dir> {
    const { parent } = splitRel(path);
    const near = parent === ROOT_PATH ? this.#root : this.#open.get(parent);
    let at = near === undefined ? ROOT_PATH : parent;
    let dir = near ?? this.#root;
    for (const name of namesOf(path.slice(at === ROOT_PATH ? 0 : at.length + 1) as RelPath)) {
      at = joinRel(at, name);
      const next = this.#open.get(at) ?? (await dir.openDir(name));
      this.#open.set(at, next);
      dir = next;
      await this.#trim(dir);
    }
    return dir;
  }

  async #trim(used: Dir): Promise<void> {
    if (this.#open.size <= LIMITS.jobFoldersMax.value) return;
    for (const [path, dir] of this.#open) {
      if (dir === used) continue;
      this.#open.delete(path);
      return dir.close();
    }
  }
}

/** Folders that are asked for by their place in a list, as a rule the same one many times in a row. */
export class FolderRow implements AsyncDisposable {
  readonly #folders: JobFolders;
  readonly #paths: readonly RelPath[];
  #last: { readonly at: number; readonly dir: Dir } | null = null;

  constructor(root: Dir, paths: readonly RelPath[]) {
    this.#folders = new JobFolders(root);
    this.#paths = paths;
  }

  /** The folder at a place of the list where it was asked for last, else null: for who does not want to wait. */
  last(at: number): Dir | null {
    return this.#last?.at === at ? this.#last.dir : null;
  }

  /** The same, opened where it is not open. CW_DISK_* where it cannot be. */
  async at(at: number): Promise<Dir> {
    this.#last = null;
    const dir = await this.#folders.at(this.#paths[at]!);
    this.#last = { at, dir };
    return dir;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#last = null;
    return this.#folders[Symbol.asyncDispose]();
  }
}
