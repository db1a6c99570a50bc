import { asCausewayError, CausewayError, type ErrorCode } from '../../base/errors.ts';
import { joinRel, type Name, type RelPath, splitRel } from '../../base/path.ts';
import type {
  FileTree,
  NewNode,
  TreeCaps,
  TreeEntry,
  TreeFile,
  TreeNode,
  TreeOpenMode,
} from '../../tree/files/file_tree.ts';
import { checkedNames, checkedPlace } from '../../tree/files/names.ts';
import type { AttrPatch } from '../../world/disk.ts';
import type { Change, NearAttrs, Patch } from './changes.ts';
import type { FlushFailure } from './flusher.ts';
import { type Op, treeNodeOf, type WbNode } from './nodes.ts';
import { freshAttrs } from './overlay.ts';
import { passingCaps } from './passing_changes.ts';
import type { Conflict } from './sender.ts';
import { WriteBack, type WriteBackPorts, type WriteBackSettings } from './write_back.ts';
import { WriteBackFile } from './write_back_file.ts';
import { type FlushPolicy, isThrough, type WholeFlushPolicy } from './write_policy.ts';

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;
const LINK_MODE = 0o777;

/** How much waits, and what is wrong. */
export interface WriteBackStatus {
  readonly dirtyBytes: number;
  readonly changes: number;
  /** Null where nothing waits. */
  readonly oldestDirtyAgeMs: number | null;
  /** Null where it is not known. */
  readonly timeToCleanMs: number | null;
  readonly journalBytes: number;
  readonly failures: readonly FlushFailure[];
  readonly conflicts: readonly Conflict[];
  /** Of the journal, that the last process left torn: nothing of it was acknowledged as stable. */
  readonly cutBytes: number;
}

/**
 * A tree whose changes are acknowledged once they are in a journal on a local disk, and are sent on to the tree behind it
 * later. What was changed here shows here at once. docs/design/write_back.md has what each acknowledgement promises.
 * Renames of folders, values, and names of files with several are changed over there at once, after all that they depend on.
 */
export class WriteBackTree implements FileTree, AsyncDisposable {
  readonly caps: TreeCaps;
  readonly #cache: WriteBack;
  readonly #owner: WriteBackSettings['owner'];
  readonly #cutBytes: number;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(cache: WriteBack, settings: WriteBackSettings, cutBytes: number) {
    this.#cache = cache;
    this.#owner = settings.owner;
    this.#cutBytes = cutBytes;
    const { far } = cache;
    const { values } = far.caps;
    this.caps = {
      readOnly: far.caps.readOnly,
      lastingIds: false,
      space: far.caps.space,
      folder: null, // it would leave out what waits
      ...passingCaps({
        cache,
        inTurn: (work) => this.#inTurn(work),
        checkFree: (path) => this.#checkFree(path),
        checkWritable: () => this.#checkWritable(),
        farOf: (path) => {
          const node = this.#here(path);
          return node === null ? path : node.far;
        },
      }),
      values: values && {
        get: async (path, name) => {
          await this.#sentOn(path);
          return values.get(path, name);
        },
        set: (path, name, value) =>
          this.#inTurn(async () => {
            await this.#sentOn(path);
            await values.set(path, name, value);
          }),
      },
    };
  }

  /** Goes on with what an earlier one has left in the journal. CW_CACHE_JOURNAL, CW_DISK_*. */
  static async open(
    ports: WriteBackPorts,
    far: FileTree,
    settings: WriteBackSettings,
  ): Promise<WriteBackTree> {
    const { cache, cutBytes } = await WriteBack.open(ports, far, settings);
    return new WriteBackTree(cache, settings, cutBytes);
  }

  get status(): WriteBackStatus {
    const { overlay, flusher } = this.#cache;
    const waiting = overlay.ops.filter(({ kind, to }) => kind !== 'file' || to !== null);
    let dirtyBytes = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { layer, sinceMs } of waiting) {
      dirtyBytes += layer?.writtenBytes ?? 0;
      oldestMs = Math.min(oldestMs, sinceMs);
    }
    return {
      dirtyBytes,
      changes: waiting.length,
      oldestDirtyAgeMs: waiting.length > 0 ? Math.max(0, this.#cache.wallMs() - oldestMs) : null,
      timeToCleanMs: timeFor(dirtyBytes, waiting, flusher.bytesPerMs),
      journalBytes: this.#cache.journalBytes,
      failures: flusher.failures,
      conflicts: flusher.conflicts,
      cutBytes: this.#cutBytes,
    };
  }

  get policy(): WholeFlushPolicy {
    return this.#cache.policy;
  }

  /** Changes from now on go by that one; what waits is sent on as before. */
  set policy(policy: FlushPolicy) {
    this.#cache.flusher.policy = policy;
  }

  /** What was changed so far survives a power cut when it resolves. CW_DISK_*. */
  sync(): Promise<void> {
    return this.#cache.sync();
  }

  /** The far tree can be reached again: what could not be sent on is tried now. */
  retry(): void {
    this.#cache.flusher.retry();
  }

  /** Folders over there in which an attempt of the process before may have left something that is not whole. */
  foldersInDoubt(): RelPath[] {
    const begun = this.#cache.overlay.ops.filter((op) => op.begun);
    const paths = begun.flatMap(({ to, node }) => [to, node.far]).filter((path) => path !== null);
    return [...new Set(paths.map((path) => splitRel(path).parent))];
  }

  /** All that waits now is over there when it resolves. Throws why something of it cannot be sent on. */
  flush(signal: AbortSignal): Promise<void> {
    return this.#cache.flusher.flush(signal);
  }

  /** Resolves once nothing waits: this machine may be switched off then. */
  waitClean(signal: AbortSignal): Promise<void> {
    return this.#cache.flusher.waitClean(signal);
  }

  async lookup(path: RelPath): Promise<TreeNode> {
    checkedNames(path);
    const node = this.#here(path);
    if (node !== null) return treeNodeOf(node);
    return this.#cache.known.shown(await this.#cache.far.lookup(path));
  }

  async *list(path: RelPath): AsyncIterable<readonly TreeEntry[]> {
    checkedNames(path);
    const node = this.#here(path);
    if (node !== null && node.kind !== 'directory')
      throw failure(node.kind === 'symlink' ? 'CW_DISK_SYMLINK' : 'CW_DISK_NOT_DIRECTORY', path);
    const changed = this.#cache.overlay.changedIn(path);
    const here: TreeEntry[] = [];
    for (const [name, child] of changed)
      if (child !== null) here.push({ name, node: { ...treeNodeOf(child), target: null } });
    const { known, far } = this.#cache;
    if (node === null || node.far !== null)
      for await (const page of far.list(path))
        yield page
          .filter(({ name }) => !changed.has(name))
          .map(({ name, node: there }) => ({ name, node: known.shown(there) }));
    yield here;
  }

  async open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile> {
    if (mode === 'create') return this.#inTurn(() => this.#openNew(path));
    if (mode === 'replace') return this.#openReplacement(path);
    checkedNames(path);
    if (mode === 'write') this.#checkWritable();
    if (path === '') throw failure('CW_DISK_IS_DIRECTORY', path);
    const node = this.#here(path);
    if (node === null) return this.#openFar(path, mode);
    if (node.kind !== 'file') throw failure(codeOfKind(node.kind), path);
    node.handles += 1;
    try {
      if (mode === 'write') await this.#cache.writableFileOf(node);
      else await this.#cache.farFileOf(node); // it stays this file for whoever has it open
    } catch (thrown) {
      await this.#cache.release(node);
      throw thrown;
    }
    return new WriteBackFile(this.#cache, node, mode === 'write', null);
  }

  create(path: RelPath, what: NewNode): Promise<TreeNode> {
    return this.#inTurn(async () => {
      await this.#checkFree(path);
      const { far, policy } = this.#cache;
      if (isThrough(policy)) return this.#cache.through([path], () => far.create(path, what));
      const isFolder = what.kind === 'directory';
      const attrs = this.#fresh(isFolder ? (what.mode ?? FOLDER_MODE) : LINK_MODE);
      const target = isFolder ? null : what.target;
      const node = await this.#make({ kind: what.kind, path, attrs, target });
      return treeNodeOf(node);
    });
  }

  async setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    checkedPlace(path);
    this.#checkWritable();
    const { far, policy, known } = this.#cache;
    if (isThrough(policy))
      return this.#inTurn(async () =>
        known.shown(await this.#cache.through([path], () => far.setAttrs(path, patch))),
      );
    return this.#inTurn(() =>
      this.#holding([path], async ([node]) => {
        const { mtimeNs, mode, ...owners } = patch;
        const all: Patch = {
          ...owners,
          ...(mode === undefined || node.kind === 'symlink' ? {} : { mode: mode & 0o7777 }),
          ...(mtimeNs === undefined ? {} : { mtimeNs: String(mtimeNs) }),
        };
        const atMs = this.#cache.wallMs();
        await this.#cache.change(node, (ref) => ({ change: { do: 'attrs', ref, patch: all, atMs } }));
        return treeNodeOf(node);
      }),
    );
  }

  async rename(from: RelPath, to: RelPath, { replace }: { readonly replace: boolean }): Promise<void> {
    checkedPlace(from);
    checkedPlace(to);
    this.#checkWritable();
    return this.#inTurn(() =>
      this.#holding([from], async ([node]) => {
        const there = await this.#look(to);
        if (there !== null && !replace) throw failure('CW_DISK_EXISTS', to);
        if (node.kind === 'directory' && to !== from && `${to}/`.startsWith(`${from}/`))
          throw failure('CW_DISK_NAME', to);
        if (from === to) return;
        if (there !== null) await this.#checkReplaced(node, there, to);
        else await this.#checkFolder(splitRel(to).parent);
        const isSharedName = isShared(node.attrs) || (there !== null && isShared(there));
        if (node.kind === 'directory' || isSharedName || isThrough(this.#cache.policy)) {
          await this.#renameThere(from, to);
          return;
        }
        await this.#holding(there === null ? [] : [to], (covered) => this.#moveHere(node, to, covered));
      }),
    );
  }

  async remove(path: RelPath): Promise<void> {
    checkedPlace(path);
    this.#checkWritable();
    return this.#inTurn(() =>
      this.#holding([path], async ([node]) => {
        if (node.kind === 'directory' && !(await this.#isEmpty(path)))
          throw failure('CW_DISK_NOT_EMPTY', path);
        const { far, known, policy } = this.#cache;
        if (isThrough(policy) || (node.kind === 'file' && isShared(node.attrs))) {
          await this.#cache.through([path], async () => {
            await far.remove(path);
            known.gone(path);
          });
          return;
        }
        const atMs = this.#cache.wallMs();
        await this.#cache.change(node, (ref) => ({ change: { do: 'remove', ref, atMs } }));
      }),
    );
  }

  /** What waits stays in the journal and is sent on by the next one. */
  close(): Promise<void> {
    return this.#cache.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #openNew(path: RelPath): Promise<TreeFile> {
    if (path === '') throw failure('CW_DISK_IS_DIRECTORY', path);
    await this.#checkFree(path);
    const { far, policy } = this.#cache;
    if (isThrough(policy)) {
      const file = await this.#cache.through([path], () => far.open(path, 'create'));
      return this.#heldFile(path, file, 'write', true);
    }
    const node = await this.#make({ kind: 'file', path, attrs: this.#fresh(FILE_MODE), target: null });
    return new WriteBackFile(this.#cache, node, true, null, true);
  }

  async #openReplacement(path: RelPath): Promise<TreeFile> {
    if (path === '') throw failure('CW_DISK_IS_DIRECTORY', path);
    const there = await this.#replaceable(path);
    const attrs = this.#fresh(there?.mode ?? FILE_MODE);
    const node = await this.#make({ kind: 'file', path: null, attrs, target: null });
    const place = async () => {
      await this.#inTurn(async () => {
        this.#checkWritable();
        const standing = await this.#replaceable(path);
        await this.#holding(standing === null ? [] : [path], (covered) =>
          this.#moveHere(node, path, covered),
        );
      });
      if (isThrough(this.policy)) await this.#cache.sentOn((op) => op.node === node);
    };
    return new WriteBackFile(this.#cache, node, true, { place });
  }

  /** What stands where a file is to be put: a file or nothing. */
  async #replaceable(path: RelPath): Promise<TreeNode | null> {
    checkedPlace(path);
    const there = await this.#look(path);
    if (there === null) await this.#checkFolder(splitRel(path).parent);
    else if (there.kind !== 'file') throw failure(codeOfKind(there.kind), path);
    return there;
  }

  /** Opens a file of which nothing waits. */
  async #openFar(path: RelPath, mode: 'read' | 'write'): Promise<TreeFile> {
    return this.#heldFile(path, await this.#cache.far.open(path, mode), mode);
  }

  async #heldFile(path: RelPath, file: TreeFile, mode: 'read' | 'write', isNew = false): Promise<TreeFile> {
    const node = this.#cache.known.hold(path, await file.node());
    node.isPast ||= isNew;
    if (node.farFile === null) node.farFile = { file, writes: mode === 'write' };
    else if (mode === 'write' && !node.farFile.writes) {
      node.spareFiles.push(node.farFile.file);
      node.farFile = { file, writes: true };
    } else node.spareFiles.push(file);
    return new WriteBackFile(this.#cache, node, mode === 'write', null, isNew);
  }

  async #make(what: Pick<Change & { do: 'make' }, 'kind' | 'path' | 'attrs' | 'target'>): Promise<WbNode> {
    const atMs = this.#cache.wallMs();
    await this.#cache.flusher.room(0);
    const [node] = await this.#cache.commit(() => [
      { change: { do: 'make', ref: this.#cache.overlay.nextRef, atMs, ...what } },
    ]);
    if (node?.kind === 'file') node.handles += 1; // for whoever opens it
    return node as WbNode;
  }

  async #moveHere(node: WbNode, to: RelPath, [covered]: readonly WbNode[]): Promise<void> {
    await this.#cache.flusher.room(0);
    const atMs = this.#cache.wallMs();
    await this.#cache.commit(() => {
      const { items, refs } = this.#cache.adopting(covered ? [node, covered] : [node]);
      const [ref = 0, replaced = null] = refs;
      return [...items, { change: { do: 'rename', ref, to, replaced, atMs } }];
    });
  }

  async #renameThere(from: RelPath, to: RelPath): Promise<void> {
    const { far, known } = this.#cache;
    await this.#cache.through([from, to], async () => {
      await far.rename(from, to, { replace: true });
      known.gone(to);
      known.moved(from, to);
    });
  }

  /** What this side shows at a path, held while `use` works. CW_DISK_NOT_FOUND. */
  async #holding<T>(
    paths: readonly RelPath[],
    use: (nodes: readonly [WbNode, ...WbNode[]]) => Promise<T>,
  ): Promise<T> {
    const held: WbNode[] = [];
    try {
      for (const path of paths) {
        const node = this.#here(path);
        if (node !== null) node.handles += 1;
        held.push(node ?? this.#cache.known.hold(path, await this.#cache.far.lookup(path)));
      }
      return await use(held as [WbNode, ...WbNode[]]);
    } finally {
      for (const node of held) await this.#cache.release(node);
    }
  }

  /** The node of this side at a path; null where only the far tree knows. Throws what a lookup does. */
  #here(path: RelPath): WbNode | null {
    const place = this.#cache.overlay.place(path);
    if (place.at === 'node') return place.node;
    if (place.at === 'absent') throw failure('CW_DISK_NOT_FOUND', path);
    if (place.at === 'hindered')
      throw failure(place.node.kind === 'symlink' ? 'CW_DISK_SYMLINK' : 'CW_DISK_NOT_DIRECTORY', path);
    return null;
  }

  async #look(path: RelPath): Promise<TreeNode | null> {
    try {
      return await this.lookup(path);
    } catch (thrown) {
      if (asCausewayError(thrown).code === 'CW_DISK_NOT_FOUND') return null;
      throw thrown;
    }
  }

  /** Where changes are refused by the policy. CW_DISK_READ_ONLY. */
  #checkWritable(): void {
    if (this.policy.writes === 'read-only')
      throw new CausewayError('CW_DISK_READ_ONLY', 'the cache was set to read-only');
  }

  async #checkFolder(path: RelPath): Promise<void> {
    if (path === '') return;
    const { kind } = await this.lookup(path);
    if (kind === 'symlink') throw failure('CW_DISK_SYMLINK', path);
    if (kind !== 'directory') throw failure('CW_DISK_NOT_DIRECTORY', path);
  }

  async #checkFree(path: RelPath): Promise<void> {
    checkedPlace(path);
    this.#checkWritable();
    if ((await this.#look(path)) !== null) throw failure('CW_DISK_EXISTS', path);
    await this.#checkFolder(splitRel(path).parent);
  }

  /** As rename(2) refuses it. */
  async #checkReplaced(node: WbNode, there: TreeNode, to: RelPath): Promise<void> {
    const [isFolder, coversFolder] = [node.kind === 'directory', there.kind === 'directory'];
    if (isFolder && !coversFolder) throw failure('CW_DISK_NOT_DIRECTORY', to);
    if (!isFolder && coversFolder) throw failure('CW_DISK_IS_DIRECTORY', to);
    if (coversFolder && !(await this.#isEmpty(to))) throw failure('CW_DISK_NOT_EMPTY', to);
  }

  async #isEmpty(path: RelPath): Promise<boolean> {
    for await (const page of this.list(path)) if (page.length > 0) return false;
    return true;
  }

  /** Nothing waits at the path, or on the way to it. */
  async #sentOn(path: RelPath): Promise<void> {
    const names: readonly Name[] = checkedNames(path);
    this.#here(path);
    let at = '' as RelPath;
    for (const name of names) {
      at = joinRel(at, name);
      const node = this.#cache.overlay.shownAt(at);
      if (node === null) continue;
      await this.#cache.sentOn((op) => op.node === node);
    }
  }

  #fresh(mode: number): NearAttrs {
    return freshAttrs(mode, this.#owner.userId, this.#owner.groupId, this.#cache.wallMs());
  }

  /** One change of names at a time: what was looked at is still so when it is made. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function timeFor(dirtyBytes: number, waiting: readonly Op[], bytesPerMs: number): number | null {
  if (waiting.length === 0) return 0;
  return bytesPerMs > 0 ? Math.ceil(dirtyBytes / bytesPerMs) : null;
}

/** It has several names over there. */
function isShared({ linkCount }: { readonly linkCount: number }): boolean {
  return linkCount > 1;
}

function failure(code: ErrorCode, path: RelPath): CausewayError {
  return new CausewayError(code, path === '' ? 'the root of a tree' : path);
}

function codeOfKind(kind: TreeNode['kind']): ErrorCode {
  if (kind === 'directory') return 'CW_DISK_IS_DIRECTORY';
  return kind === 'symlink' ? 'CW_DISK_SYMLINK' : 'CW_UNSUPPORTED';
}
