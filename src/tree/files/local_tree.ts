import { toHex } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinRel, type Name, parseName, type RelPath } from '../../base/path.ts';
import type { CachedEntries } from '../../world/cached_entries.ts';
import type { Random } from '../../world/clock.ts';
import type { AttrPatch, Dir, Disk, Stat } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';
import type {
  CachedFile,
  ChoosePart,
  FileTree,
  NewNode,
  TreeCaps,
  TreeEntry,
  TreeFile,
  TreeFolder,
  TreeNode,
  TreeOpenMode,
} from './file_tree.ts';
import { listFolder } from './folder_listing.ts';
import { LocalFile } from './local_file.ts';
import { nodeOf } from './local_node.ts';
import { renameNew, renameOver } from './local_rename.ts';
import { LocalValues } from './local_values.ts';
import { measureFilesJob } from './measure_files_job.ts';
import { checkedNames, checkedPlace } from './names.ts';
import { openBelow, openReplacement, type PutPlace, putFileJob } from './put_file_job.ts';
import { removeFilesJob } from './remove_files_job.ts';
import { Staging } from './staging.ts';

export interface LocalTreePorts {
  readonly disk: Disk;
  readonly offload: Offload;
  readonly random: Pick<Random, 'bytes'>;
}

const STAGE_ID_BYTES = 8;

/**
 * A folder of this machine as a tree. Every path is resolved from the open root, name by name, each relative to an open
 * folder and never through a symlink: what is renamed or replaced meanwhile leads nowhere else.
 */
export class LocalTree implements FileTree, AsyncDisposable {
  readonly caps: TreeCaps;
  readonly #root: Dir;
  readonly #random: LocalTreePorts['random'];
  readonly #staging: Staging;
  readonly #offload: Offload;
  readonly #cached: CachedEntries | null;
  /** Small files that threads put at this moment. */
  #puts = 0;

  private constructor(root: Dir, cached: CachedEntries | null, ports: LocalTreePorts) {
    this.#root = root;
    this.#cached = cached;
    this.#random = ports.random;
    this.#offload = ports.offload;
    this.#staging = new Staging(root);
    this.caps = {
      readOnly: false,
      lastingIds: true,
      values: new LocalValues((path, use) => this.#place(path, use)),
      space: () => root.space(),
      folder: root.caps.again === null ? null : (path) => this.#folder(path),
      measureFiles: () => this.#offload.run(measureFilesJob, { root }),
      removeFiles: (folder, names) => this.#removeFiles(folder, names),
      putFile: (path, bytes, mtimeNs) => this.#putFile(path, bytes, mtimeNs),
      ...(cached && { cachedFile: async (path, choose) => cachedFile(cached, path, choose) }),
    };
  }

  /** CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY, CW_DISK_PERMISSION. */
  static async open(ports: LocalTreePorts, absolutePath: string): Promise<LocalTree> {
    const root = await ports.disk.openRoot(absolutePath);
    try {
      return new LocalTree(root, (await root.caps.cached?.()) ?? null, ports);
    } catch (failure) {
      await root.close();
      throw failure;
    }
  }

  /** Removes what replacements left that were cut off. Nobody else may write to the tree through another LocalTree meanwhile. */
  removeRemains(): Promise<void> {
    return this.#staging.removeRemains();
  }

  async lookup(path: RelPath): Promise<TreeNode> {
    const known = this.#known(path);
    if (known !== null) return nodeOf(known);
    return this.#place(path, (dir, name) => look(dir, name));
  }

  /** What the file system says of a node, a symlink itself. CW_DISK_*. */
  async stat(path: RelPath): Promise<Stat> {
    return (
      this.#known(path) ?? this.#place(path, (dir, name) => (name === null ? dir.self() : dir.stat(name)))
    );
  }

  async *list(path: RelPath): AsyncIterable<readonly TreeEntry[]> {
    await using dir = await this.#openDir(checkedNames(path));
    yield* listFolder(dir, this.#offload);
  }

  async #folder(path: RelPath): Promise<TreeFolder> {
    await using found = await this.#openDir(checkedNames(path));
    const dir = await found.caps.again?.();
    if (dir === undefined) throw new CausewayError('CW_UNSUPPORTED', 'no thread lists folders here');
    return { dir, offload: this.#offload, [Symbol.asyncDispose]: () => dir.close() };
  }

  async open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile> {
    if (mode === 'replace') return openReplacement(this.#putPlace(path));
    return this.#place(path, async (dir, name) => {
      if (name === null) throw new CausewayError('CW_DISK_IS_DIRECTORY', 'the root of a tree is a folder');
      return new LocalFile(await dir.openFile(name, mode), mode === 'read' ? this.#offload : null);
    });
  }

  async create(path: RelPath, what: NewNode): Promise<TreeNode> {
    const { parents, name } = checkedPlace(path);
    await using dir = await this.#openDir(parents);
    if (what.kind === 'directory') await dir.makeDir(name, what.mode);
    else await dir.makeSymlink(name, what.target);
    await dir.sync();
    return await look(dir, name);
  }

  async setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    const { parents, name } = checkedPlace(path);
    await using dir = await this.#openDir(parents);
    await dir.setAttrs(name, patch);
    return await look(dir, name);
  }

  async rename(from: RelPath, to: RelPath, { replace }: { readonly replace: boolean }): Promise<void> {
    const source = checkedPlace(from);
    const target = checkedPlace(to);
    await using fromDir = await this.#openDir(source.parents);
    await using toDir = await this.#openDir(target.parents);
    const move = { fromDir, name: source.name, toDir, toName: target.name };
    if (replace) await renameOver(move);
    else await renameNew(move);
    await toDir.sync();
    await fromDir.sync();
  }

  async remove(path: RelPath): Promise<void> {
    const { parents, name } = checkedPlace(path);
    await using dir = await this.#openDir(parents);
    const { kind } = await dir.stat(name);
    if (kind === 'directory') await dir.removeDir(name);
    else await dir.removeFile(name);
    await dir.sync();
  }

  async close(): Promise<void> {
    await this.#staging.close();
    await this.#root.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Where a replacement of what stands there goes. */
  #putPlace(path: RelPath): PutPlace {
    const stageName = parseName(`share-${toHex(this.#random.bytes(STAGE_ID_BYTES))}`);
    return { root: this.#root, ...checkedPlace(path), stageName };
  }

  #removeFiles(path: RelPath, names: readonly Name[]): Promise<readonly Name[]> {
    const folder = checkedNames(path);
    for (const name of names) checkedNames(joinRel(path, name));
    return this.#offload.run(removeFilesJob, { root: this.#root, folder, names });
  }

  async #putFile(path: RelPath, bytes: Uint8Array, mtimeNs: bigint | null): Promise<TreeNode | null> {
    // each waits for its device: what more there is does so in the thread pool, step by step
    if (this.#puts >= LIMITS.treePutsAtOnce.value) return null;
    this.#puts += 1;
    try {
      return await this.#offload.run(putFileJob, { ...this.#putPlace(path), bytes, mtimeNs });
    } catch (failure) {
      // too much waits for threads, and nothing of this was begun
      if (asCausewayError(failure).code === 'CW_LIMIT') return null;
      throw failure;
    } finally {
      this.#puts -= 1;
    }
  }

  /** What is there, where the system tells it at once; null where it is to be asked. CW_DISK_NOT_FOUND, CW_DISK_NAME. */
  #known(path: RelPath): Stat | null {
    if (this.#cached === null) return null;
    checkedNames(path);
    const known = this.#cached.look(path);
    if (known === 'missing') throw new CausewayError('CW_DISK_NOT_FOUND', `${path} does not exist`);
    return known;
  }

  #openDir(names: readonly Name[]): Promise<Dir> {
    return openBelow(this.#root, names);
  }

  /** `name` is null for the root itself, which `dir` then is. */
  async #place<T>(path: RelPath, use: (dir: Dir, name: Name | null) => Promise<T>): Promise<T> {
    const names = checkedNames(path);
    const name = names.pop() ?? null;
    await using dir = await this.#openDir(names);
    return await use(dir, name);
  }
}

function cachedFile(cached: CachedEntries, path: RelPath, choose: ChoosePart): CachedFile | null {
  checkedNames(path);
  const part = cached.read(path, (stat) => choose(nodeOf(stat)));
  return part && { node: nodeOf(part.stat), bytes: part.bytes };
}

async function look(dir: Dir, name: Name | null): Promise<TreeNode> {
  if (name === null) return nodeOf(await dir.self());
  const stat = await dir.stat(name);
  return nodeOf(stat, stat.kind === 'symlink' ? await dir.readLink(name) : null);
}
