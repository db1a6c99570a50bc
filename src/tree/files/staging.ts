import { asCausewayError } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import { PRIVATE_NAME } from './names.ts';

const STAGED = /^share-[0-9a-f]{16}$/;
const PRIVATE_MODE = 0o700;

/**
 * Where files of one tree are written before they take their names: the private folder of the root, or that of the
 * file's own folder where that lies on another file system.
 */
export class Staging {
  readonly #root: Dir;

  constructor(root: Dir) {
    this.#root = root;
  }

  /** The folder for a file that is to be renamed into `dir`; closed by the caller. */
  async place(dir: Dir): Promise<Dir> {
    const [own, root] = [await dir.self(), await this.#root.self()];
    return openPrivate(own.deviceId === root.deviceId ? this.#root : dir);
  }

  /** Of the private folder of the root: what lies elsewhere belongs to a mounted file system and is found by name. */
  async removeRemains(): Promise<void> {
    let stage: Dir;
    try {
      stage = await this.#root.openDir(PRIVATE_NAME);
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return;
      throw failure;
    }
    try {
      const remains: Name[] = [];
      for await (const { name } of stage.list()) if (name !== null && STAGED.test(name)) remains.push(name);
      for (const name of remains) await stage.removeFile(name);
    } finally {
      await stage.close();
    }
    await this.#removeIfEmpty();
  }

  async close(): Promise<void> {
    await this.#removeIfEmpty();
  }

  async #removeIfEmpty(): Promise<void> {
    try {
      await this.#root.removeDir(PRIVATE_NAME);
    } catch {
      // it is used by something else, not there, or not this user's: nothing is lost by an empty folder
    }
  }
}

async function openPrivate(dir: Dir): Promise<Dir> {
  try {
    return await dir.openDir(PRIVATE_NAME);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
  try {
    await dir.makeDir(PRIVATE_NAME, PRIVATE_MODE);
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
  }
  return dir.openDir(PRIVATE_NAME);
}
