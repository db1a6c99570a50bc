import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import { type Name, parseRelPath, type RelPath, splitRel } from '../../base/path.ts';
import type { Clock } from '../../world/clock.ts';
import type { AttrPatch } from '../../world/disk.ts';
import type {
  FileTree,
  NewNode,
  TreeCaps,
  TreeEntry,
  TreeFile,
  TreeNode,
  TreeOpenMode,
} from './file_tree.ts';
import { MemoryFile } from './memory_file.ts';
import { type MemoryNode, memoryView } from './memory_nodes.ts';
import { checkedNames, checkedPlace } from './names.ts';

const NS_PER_MS = 1_000_000n;

/** A tree that this process holds in memory: for tests, and for what is small and made by the program itself. */
export class MemoryTree implements FileTree {
  readonly caps: TreeCaps;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #root: MemoryNode;
  #nodes = 0;
  #ticks = 0n;

  constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock;
    this.#root = this.#make('directory', 0o755);
    this.caps = {
      readOnly: false,
      lastingIds: false,
      values: {
        get: async (path, name) => this.#find(path).values.get(name)?.slice() ?? null,
        set: async (path, name, value) => this.#setValue(path, name, value),
      },
      space: null,
      folder: null,
    };
  }

  async lookup(path: RelPath): Promise<TreeNode> {
    return memoryView(this.#find(path));
  }

  async *list(path: RelPath): AsyncIterable<readonly TreeEntry[]> {
    const folder = this.#folder(checkedNames(path), path);
    yield [...folder.children].map(([name, node]) => ({ name, node: memoryView(node, true) }));
  }

  async open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile> {
    if (path === '') throw failure('CW_DISK_IS_DIRECTORY', path);
    const folder = this.#parent(path);
    const { name } = splitRel(path);
    const there = folder.children.get(name);
    if (mode === 'create' && there) throw failure('CW_DISK_EXISTS', path);
    if (there && there.kind !== 'file')
      throw failure(there.kind === 'symlink' ? 'CW_DISK_SYMLINK' : 'CW_DISK_IS_DIRECTORY', path);
    if (mode === 'create' || mode === 'replace') return this.#openNew(folder, name, path, mode);
    if (!there) throw failure('CW_DISK_NOT_FOUND', path);
    return this.#file(there, path, mode !== 'read', null);
  }

  async create(path: RelPath, what: NewNode): Promise<TreeNode> {
    const { name } = checkedPlace(path);
    const folder = this.#parent(path);
    if (folder.children.has(name)) throw failure('CW_DISK_EXISTS', path);
    const node =
      what.kind === 'directory'
        ? this.#make('directory', what.mode ?? 0o755)
        : this.#make('symlink', 0o777, what.target);
    this.#put(folder, name, node);
    return memoryView(node);
  }

  async setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    checkedPlace(path);
    const node = this.#find(path);
    if (patch.mode !== undefined && node.kind !== 'symlink') node.mode = patch.mode & 0o7777;
    node.userId = patch.userId ?? node.userId;
    node.groupId = patch.groupId ?? node.groupId;
    node.mtimeNs = patch.mtimeNs ?? node.mtimeNs;
    node.ctimeNs = this.#now();
    return memoryView(node);
  }

  async rename(from: RelPath, to: RelPath, { replace }: { readonly replace: boolean }): Promise<void> {
    const [source, target] = [checkedPlace(from), checkedPlace(to)];
    const [fromFolder, toFolder] = [this.#parent(from), this.#parent(to)];
    const node = fromFolder.children.get(source.name);
    if (!node) throw failure('CW_DISK_NOT_FOUND', from);
    const there = toFolder.children.get(target.name);
    if (there && !replace) throw failure('CW_DISK_EXISTS', to);
    if (node.kind === 'directory' && `${to}/`.startsWith(`${from}/`) && to !== from)
      throw failure('CW_DISK_NAME', to);
    if (there === node) return;
    if (there) checkReplaced(node, there, to);
    fromFolder.children.delete(source.name);
    this.#touch(fromFolder);
    this.#put(toFolder, target.name, node);
    node.ctimeNs = this.#now();
  }

  async remove(path: RelPath): Promise<void> {
    const { name } = checkedPlace(path);
    const folder = this.#parent(path);
    const node = folder.children.get(name);
    if (!node) throw failure('CW_DISK_NOT_FOUND', path);
    if (node.children.size > 0) throw failure('CW_DISK_NOT_EMPTY', path);
    folder.children.delete(name);
    node.linkCount = 0;
    this.#touch(folder);
  }

  #openNew(folder: MemoryNode, name: Name, path: RelPath, mode: 'create' | 'replace'): TreeFile {
    const node = this.#make('file', folder.children.get(name)?.mode ?? 0o644);
    const place = () => {
      const there = folder.children.get(name);
      if (there === node) return;
      if (there && there.kind !== 'file') throw failure('CW_DISK_EXISTS', path);
      if (there) {
        node.mode = there.mode;
        node.userId = there.userId;
        node.groupId = there.groupId;
        for (const [key, value] of there.values) node.values.set(key, value);
      }
      this.#put(folder, name, node);
    };
    if (mode === 'create') place();
    return this.#file(node, path, true, mode === 'create' ? null : place);
  }

  #file(node: MemoryNode, path: RelPath, isWritable: boolean, place: (() => void) | null): TreeFile {
    const refuse = () => {
      throw failure('CW_DISK_IO', path);
    };
    return new MemoryFile(node, { touch: (touched) => this.#touch(touched), place, isWritable, refuse });
  }

  #setValue(path: RelPath, name: string, value: Uint8Array | null): void {
    const { values } = this.#find(path);
    if (value === null) values.delete(name);
    else values.set(name, value.slice());
  }

  #find(path: RelPath): MemoryNode {
    const names = checkedNames(path);
    const name = names.pop();
    if (name === undefined) return this.#root;
    const node = this.#folder(names, path).children.get(name);
    if (!node) throw failure('CW_DISK_NOT_FOUND', path);
    return node;
  }

  #parent(path: RelPath): MemoryNode {
    return this.#folder(checkedNames(path).slice(0, -1), path);
  }

  #folder(names: readonly Name[], path: RelPath): MemoryNode {
    let node = this.#root;
    for (const name of names) {
      const next = node.children.get(name);
      if (!next) throw failure('CW_DISK_NOT_FOUND', path);
      if (next.kind !== 'directory')
        throw failure(next.kind === 'symlink' ? 'CW_DISK_SYMLINK' : 'CW_DISK_NOT_DIRECTORY', path);
      node = next;
    }
    return node;
  }

  #put(folder: MemoryNode, name: Name, node: MemoryNode): void {
    const there = folder.children.get(name);
    if (there !== undefined) there.linkCount = 0;
    folder.children.set(name, node);
    this.#touch(folder);
  }

  #make(kind: MemoryNode['kind'], mode: number, target: string | null = null): MemoryNode {
    const now = this.#now();
    return {
      number: this.#nodes++,
      kind,
      target,
      children: new Map(),
      values: new Map(),
      linkCount: 1,
      bytes: new Uint8Array(0),
      sizeBytes: 0,
      mode,
      userId: 0,
      groupId: 0,
      mtimeNs: now,
      ctimeNs: now,
    };
  }

  #touch(node: MemoryNode): void {
    node.mtimeNs = this.#now();
    node.ctimeNs = node.mtimeNs;
  }

  /** No two of them are equal: a clock stands still between two changes, what changed must show all the same. */
  #now(): bigint {
    this.#ticks += 1n;
    return BigInt(Math.floor(this.#clock.wallMs())) * NS_PER_MS + this.#ticks;
  }
}

function failure(code: ErrorCode, path: RelPath): CausewayError {
  return new CausewayError(code, `${parseRelPath(path) || 'the root'} of a tree in memory`);
}

/** As rename(2) refuses it. */
function checkReplaced(node: MemoryNode, there: MemoryNode, to: RelPath): void {
  if (node.kind === 'directory' && there.kind !== 'directory') throw failure('CW_DISK_NOT_DIRECTORY', to);
  if (node.kind !== 'directory' && there.kind === 'directory') throw failure('CW_DISK_IS_DIRECTORY', to);
  if (there.children.size > 0) throw failure('CW_DISK_NOT_EMPTY', to);
}
