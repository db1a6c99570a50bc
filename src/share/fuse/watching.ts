import { LIMITS } from '../../base/limits.ts';
import type { FolderEvent, FolderEvents } from '../../world/folder_events.ts';
import type { Posix } from '../../world/posix.ts';
import { isLocal } from './local_types.ts';
import type { FuseNode, FuseNodes } from './nodes.ts';
import { Outdated } from './outdated.ts';
import type { OwnChange } from './own_changes.ts';

export interface WatchingParts {
  readonly posix: Posix;
  readonly nodes: FuseNodes;
  readonly events: FolderEvents;
  readonly nowMs: () => number;
  /** Where the answer of statfs(2) may be put during a call. */
  readonly statfsAt: number;
}

/**
 * The folders of which the kernel of another machine knows entries, watched for changes by others than itself: for those it
 * is told what is out of date, and may believe for longer what it was told. Each is watched before the first look into it.
 */
export class FolderWatching {
  readonly outdated: Outdated;
  readonly #parts: WatchingParts;
  readonly #byWatch = new Map<number, FuseNode>();

  constructor(parts: WatchingParts) {
    this.#parts = parts;
    const { nodes } = parts;
    this.outdated = new Outdated({
      ids: () => nodes.ids(),
      nameOf: (id) => {
        const node = nodes.get(id);
        if (!node || node.parent === null || node.name === null) return null;
        return { parentId: node.parent.id, name: node.name };
      },
    });
  }

  /** Folders that are watched. */
  get size(): number {
    return this.#byWatch.size;
  }

  /** A folder is about to be looked into. */
  reached(folder: FuseNode, fd: number): void {
    folder.watch = -1;
    const { posix, statfsAt, events } = this.#parts;
    if (this.#byWatch.size >= LIMITS.mountWatchFoldersMax.value || !isLocal(posix, fd, statfsAt)) return;
    folder.watch = events.add(fd);
    if (folder.watch > 0) this.#byWatch.set(folder.watch, folder);
  }

  /** A folder is not known any more. */
  left(folder: FuseNode): void {
    if (this.#byWatch.get(folder.watch) !== folder) return;
    this.#byWatch.delete(folder.watch);
    this.#parts.events.remove(folder.watch);
    folder.watch = 0;
  }

  /** Whether a change of what the name of that node means is heard of. */
  hearsName({ parent }: FuseNode): boolean {
    return parent !== null && parent.watch > 0;
  }

  /**
   * Whether a change of its attributes or bytes is. Not where a file has further names, by which it may be changed elsewhere,
   * nor while this very mount changes it, whose changes may hide others.
   */
  hearsAttrs(node: FuseNode, linkCount: number): boolean {
    if (this.#parts.nowMs() - node.ownMs < LIMITS.mountOwnChangeMs.value) return false;
    if (node.isFolder && node.watch <= 0) return false;
    if (node === this.#parts.nodes.root) return true;
    return this.hearsName(node) && node.name !== null && (node.isFolder || linkCount === 1);
  }

  /** Before a request that changes something: what has come is not its doing. */
  before(own: OwnChange): void {
    this.collect();
    const nowMs = this.#parts.nowMs();
    for (const id of own.ids) {
      const node = this.#parts.nodes.get(id);
      if (node !== undefined) node.ownMs = nowMs;
    }
  }

  /** After it: the kernel that asked knows of that by itself. */
  after(own: OwnChange): void {
    this.#take((event, folder) => {
      if (!this.#isOwn(event, folder, own)) this.#take1(event, folder);
    });
  }

  /** Takes in what has happened since the last time. */
  collect(): void {
    this.#take((event, folder) => this.#take1(event, folder));
  }

  /** The listing that the kernel has of a folder is whole and young: what it holds may be believed for a while. */
  isListed(folder: FuseNode): boolean {
    const { listed } = folder;
    if (folder.watch <= 0 || listed === null || listed.changes !== folder.changes) return false;
    return this.#parts.nowMs() - listed.atMs < LIMITS.mountWatchedMs.value / 2;
  }

  /** What {@link isListed} is told by: made when a listing begins, and kept by its folder when it has come to its end. */
  listing(folder: FuseNode): NonNullable<FuseNode['listed']> {
    return { atMs: this.#parts.nowMs(), changes: folder.changes };
  }

  close(): void {
    this.#byWatch.clear();
    this.#parts.events.close();
  }

  #take(each: (event: FolderEvent, folder: FuseNode) => void): void {
    const isWhole = this.#parts.events.take((event) => {
      const folder = this.#byWatch.get(event.watch);
      if (folder !== undefined) each(event, folder);
    });
    if (isWhole) return;
    for (const folder of this.#byWatch.values()) folder.changes += 1;
    this.outdated.everything();
  }

  #isOwn({ name }: FolderEvent, folder: FuseNode, { ids, names }: OwnChange): boolean {
    if (ids.includes(folder.id) && (name === '' || names.includes(name))) return true;
    const child = folder.children?.get(name);
    return child !== undefined && ids.includes(child.id);
  }

  #take1(event: FolderEvent, folder: FuseNode): void {
    const { name, isRenamed } = event;
    if (event.isEnd) return this.#ended(event.watch, folder);
    if (isRenamed) this.#renamed(event, folder);
    const node = name === '' ? folder : folder.children?.get(name);
    if (node !== undefined && (event.isWritten || event.isAttributes))
      this.outdated.inode(node.id, event.isWritten);
  }

  /** A hint where to look: what stands there now counts. */
  #renamed({ name, isMovedIn }: FolderEvent, folder: FuseNode): void {
    const { nodes } = this.#parts;
    folder.changes += 1;
    this.outdated.inode(folder.id, true);
    const known = folder.children?.get(name);
    if (known === undefined && !isMovedIn) return;
    if (known !== undefined) {
      this.outdated.name(folder.id, name);
      this.outdated.inode(known.id, true);
    }
    const found = nodes.findAt(folder, name);
    if (known !== undefined && found !== known) nodes.loseName(folder, known.key, name);
    if (found !== null && found !== known) {
      nodes.moved(found.key, folder, name);
      this.outdated.inode(found.id, false);
    }
  }

  /** Removed, or taken away: nothing is heard of what it held. */
  #ended(watch: number, folder: FuseNode): void {
    this.#byWatch.delete(watch);
    folder.watch = -1;
    this.outdated.inode(folder.id, true); // also what was not in it
    for (const child of folder.children?.values() ?? []) {
      this.outdated.name(folder.id, child.name ?? '');
      this.outdated.inode(child.id, true);
    }
  }
}
