import { asCausewayError } from '../../base/errors.ts';
import { joinRel, type RelPath } from '../../base/path.ts';
import type {
  FileTree,
  NewNode,
  TreeCaps,
  TreeEntry,
  TreeFile,
  TreeFileHandle,
  TreeNode,
  TreeOpenMode,
} from '../../tree/files/file_tree.ts';
import type { AttrPatch, Stat } from '../../world/disk.ts';
import type { LeaseGate } from './lease_desk.ts';

const NUMBER = /^\d+$/;

/** What the machine says of a node, a symlink itself. CW_DISK_*. */
export type StatOf = (path: RelPath) => Promise<Stat>;

/**
 * The same tree for who is no mount: whoever opens a file for writing, replaces, renames or removes it, or changes what is said
 * of it, waits until no mount has a lease on it; whoever reads it, until nobody has bytes of it on their way.
 */
export class LeasedTree implements FileTree {
  readonly caps: TreeCaps;
  readonly #inner: FileTree;
  readonly #gate: LeaseGate;
  readonly #statOf: StatOf;

  constructor(inner: FileTree, gate: LeaseGate, statOf: StatOf) {
    this.#inner = inner;
    this.#gate = gate;
    this.#statOf = statOf;
    const { cachedFile, putFile, removeFiles } = inner.caps;
    this.caps = {
      ...inner.caps,
      ...(removeFiles && {
        removeFiles: (folder, names) =>
          this.#changing(
            names.map((name) => joinRel(folder, name)),
            () => removeFiles(folder, names),
          ),
      }),
      ...(putFile && {
        putFile: async (path, bytes, mtimeNs) => {
          const leave = await gate.enter(await this.#filesAt(path), true);
          try {
            return await putFile(path, bytes, mtimeNs);
          } finally {
            leave();
          }
        },
      }),
      // who reads waits for bytes that a mount has on their way
      ...(cachedFile && {
        cachedFile: async (path, choose) => (gate.isIdle ? cachedFile(path, choose) : null),
      }),
    };
  }

  lookup(path: RelPath): Promise<TreeNode> {
    return this.#inner.lookup(path);
  }

  list(path: RelPath): AsyncIterable<readonly TreeEntry[]> {
    return this.#inner.list(path);
  }

  async open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile> {
    if (mode === 'replace') {
      const file = await this.#inner.open(path, mode);
      return new LeasedFile(file, {
        publishing: async () => this.#gate.enter(await this.#filesAt(path), true),
      });
    }
    const isWrite = mode !== 'read';
    if (mode === 'read' && this.#gate.isIdle) return this.#inner.open(path, mode);
    if (mode === 'create') return this.#created(path);
    const leave = await this.#gate.enter(await this.#filesAt(path), isWrite);
    try {
      const file = await this.#inner.open(path, mode);
      return isWrite ? new LeasedFile(file, { closed: leave }) : file;
    } catch (failure) {
      leave();
      throw failure;
    } finally {
      if (!isWrite) leave();
    }
  }

  /** A new file, on which nobody gets a lease until it is closed. */
  async #created(path: RelPath): Promise<TreeFile> {
    const file = await this.#inner.open(path, 'create');
    try {
      return new LeasedFile(file, { closed: await this.#gate.enter(await this.#filesAt(path), true) });
    } catch (failure) {
      await file.close();
      throw failure;
    }
  }

  create(path: RelPath, what: NewNode): Promise<TreeNode> {
    return this.#inner.create(path, what);
  }

  setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    return this.#changing([path], () => this.#inner.setAttrs(path, patch));
  }

  rename(from: RelPath, to: RelPath, options: { readonly replace: boolean }): Promise<void> {
    return this.#changing([from, to], () => this.#inner.rename(from, to, options), true);
  }

  remove(path: RelPath): Promise<void> {
    return this.#changing([path], () => this.#inner.remove(path));
  }

  /** `isMoved`: with a folder goes all that is in it. */
  async #changing<T>(paths: readonly RelPath[], change: () => Promise<T>, isMoved = false): Promise<T> {
    const files: string[] = [];
    let isAll = false;
    for (const path of paths) {
      const stat = await this.#statAt(path);
      if (stat?.kind === 'file') files.push(fileOfStat(stat));
      else if (stat?.kind === 'directory') isAll ||= isMoved;
    }
    const leave = await this.#gate.enter(isAll ? null : files, true);
    try {
      return await change();
    } finally {
      leave();
    }
  }

  async #filesAt(path: RelPath): Promise<string[]> {
    const stat = await this.#statAt(path);
    return stat?.kind === 'file' ? [fileOfStat(stat)] : [];
  }

  /** Null where nothing can be said of it: whoever does something there is told why. */
  async #statAt(path: RelPath): Promise<Stat | null> {
    try {
      return await this.#statOf(path);
    } catch (failure) {
      asCausewayError(failure);
      return null;
    }
  }
}

interface Ends {
  /** Called before it is put in place; what it gives, after. */
  readonly publishing?: () => Promise<() => void>;
  /** Called once, when it is closed. */
  readonly closed?: () => void;
}

class LeasedFile implements TreeFile {
  readonly handle?: TreeFileHandle;
  readonly mark?: (name: string, value: Uint8Array) => Promise<void>;
  readonly #inner: TreeFile;
  readonly #ends: Ends;

  constructor(inner: TreeFile, ends: Ends) {
    this.#inner = inner;
    this.#ends = ends;
    if (inner.handle !== undefined) this.handle = inner.handle;
    const { mark } = inner;
    if (mark !== undefined) this.mark = (name, value) => mark.call(inner, name, value);
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return this.#inner.read(into, offset);
  }

  write(bytes: Uint8Array, offset: number): Promise<void> {
    return this.#inner.write(bytes, offset);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#inner.truncate(sizeBytes);
  }

  async publish(): Promise<TreeNode> {
    const leave = await this.#ends.publishing?.();
    try {
      return await this.#inner.publish();
    } finally {
      leave?.();
    }
  }

  node(): Promise<TreeNode> {
    return this.#inner.node();
  }

  async close(): Promise<void> {
    try {
      await this.#inner.close();
    } finally {
      this.#ends.closed?.();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What tells a file from all others of its machine, as threads that serve mounts have it of statx(2). */
export function fileOfStat({ deviceId, inode, birthNs = 0n }: Stat): string {
  if (!NUMBER.test(deviceId) || !NUMBER.test(inode)) return `${deviceId}:${inode}`; // no system that mounts has such
  const [device, number] = [BigInt(deviceId), BigInt(inode)];
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  const birth = Number(birthNs / 1_000_000_000n) * 1e9 + Number(birthNs % 1_000_000_000n);
  return `${Number(major) * 2 ** 24 + Number(minor)}:${number >> 32n}:${number & 0xffff_ffffn}:${birth}`;
}
