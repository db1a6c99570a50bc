import { asCausewayError, CausewayError } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import type { Dir, DiskFile, Stat } from '../../world/disk.ts';
import type { TreeFile, TreeNode } from './file_tree.ts';
import { readFully, writeFully } from './local_file.ts';
import { nodeOf } from './local_node.ts';
import { VALUE_PREFIX } from './local_values.ts';

export interface ReplacementPlace {
  readonly file: DiskFile;
  readonly stage: Dir;
  readonly stageName: Name;
  /** Owned: closed with the file. */
  readonly dir: Dir;
  readonly name: Name;
}

/** A file that is written beside its place and takes the name in one step. */
export class ReplacementFile implements TreeFile {
  readonly #place: ReplacementPlace;
  #isPublished = false;
  #isOpen = true;

  constructor(place: ReplacementPlace) {
    this.#place = place;
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return readFully(this.#place.file, into, offset);
  }

  write(bytes: Uint8Array, offset: number): Promise<void> {
    return writeFully(this.#place.file, bytes, offset);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#place.file.truncate(sizeBytes);
  }

  async mark(name: string, value: Uint8Array): Promise<void> {
    const { xattrs } = this.#place.file.caps;
    if (xattrs === null) throw new CausewayError('CW_UNSUPPORTED', 'this machine has no extended attributes');
    await xattrs.set(VALUE_PREFIX + name, value);
  }

  /** Its modification time, as it is when it is published; in nanoseconds since 1970. */
  setTime(mtimeNs: bigint): Promise<void> {
    return this.#place.file.setAttrs({ mtimeNs });
  }

  async publish(): Promise<TreeNode> {
    const { file, stage, stageName, dir, name } = this.#place;
    if (this.#isPublished) {
      await file.datasync();
      return this.node();
    }
    const there = await standing(dir, name);
    if (there !== null) await this.#takeOver(there);
    await file.datasync();
    await stage.rename(stageName, dir, name);
    this.#isPublished = true;
    await dir.sync();
    return this.node();
  }

  async node(): Promise<TreeNode> {
    return nodeOf(await this.#place.file.stat());
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { file, stage, stageName, dir } = this.#place;
    try {
      await file.close();
      if (!this.#isPublished) await stage.removeFile(stageName);
    } finally {
      await dir.close();
      await stage.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Mode, owner and values of what is replaced. */
  async #takeOver(there: Stat): Promise<void> {
    const { file, dir, name } = this.#place;
    const own = await file.stat();
    if (dir.caps.owners && (own.userId !== there.userId || own.groupId !== there.groupId)) {
      try {
        await file.setAttrs({ userId: there.userId, groupId: there.groupId });
      } catch (failure) {
        // who is not root may not give files away: the new content is then this user's, as with any editor
        if (asCausewayError(failure).code !== 'CW_DISK_PERMISSION') throw failure;
      }
    }
    await file.setAttrs({ mode: there.mode });
    const from = dir.caps.xattrsOf(name);
    const to = file.caps.xattrs;
    if (from === null || to === null) return;
    try {
      for (const attribute of await from.list()) {
        if (!attribute.startsWith(VALUE_PREFIX)) continue;
        const value = await from.get(attribute);
        if (value !== null) await to.set(attribute, value);
      }
    } catch (failure) {
      // a file system without attributes has none to lose
      if (asCausewayError(failure).code !== 'CW_UNSUPPORTED') throw failure;
    }
  }
}

/** What is about to be replaced; a regular file or nothing. */
async function standing(dir: Dir, name: Name): Promise<Stat | null> {
  try {
    const stat = await dir.stat(name);
    if (stat.kind === 'file') return stat;
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
  throw new CausewayError('CW_DISK_EXISTS', `${name} is no regular file any more`);
}
