import { asCausewayError } from '../base/errors.ts';
import type { Clock } from '../world/clock.ts';
import type { Dir, Stat } from '../world/disk.ts';
import type { FolderHints, HintKinds } from '../world/folder_hints.ts';
import type { Change } from './change.ts';
import { FolderOpener } from './folder_opener.ts';
import { lookAtNames, lookAtWhole, type Seen } from './look.ts';
import { Pending } from './pending.ts';
import { idOf, type WatchedNode, type WatchedTree } from './watched_tree.ts';

export interface SettlerParts {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly tree: WatchedTree;
  /** Opens the watched folder and no other. */
  readonly openRoot: () => Promise<Dir>;
  readonly tell: (change: Change) => void;
  /** Null while nothing is hinted. */
  readonly hints: () => FolderHints | null;
}

/** A look at a name that a hint has not told everything of. */
const AGAIN: HintKinds = { appeared: true, movedIn: true, closed: true };

/** Names that each wait for the next one to have been renamed; longer chains are told as deleted and made. */
const CHAIN_MAX = 256;

/**
 * Makes the tree what the folder is, change by change, each of which can be done to the tree as it is then. A hint only says
 * where to look: what is found there counts, so that hints that are late, double or about something that was replaced
 * meanwhile do no harm.
 */
export class Settler {
  readonly pending = new Pending();
  readonly #parts: SettlerParts;
  /** What has no name at the moment, and the round in which that was seen: it may have been renamed. */
  readonly #missing = new Map<WatchedNode, number>();
  #round = 0;
  /** What changed unseen before is looked for: times alone do not tell of it where they are fresh. */
  #isRescan = false;
  #wanted = new Map<string, Seen>();

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** Everything is looked at next. */
  lookAtAll(): void {
    this.pending.clear();
    this.#isRescan = true;
    for (const folder of this.#parts.tree.folders()) this.pending.addWhole(folder);
  }

  /** Nothing is left to be looked at, nor to be decided. */
  get isIdle(): boolean {
    return this.pending.isEmpty && this.#missing.size === 0;
  }

  /** Looks at all that is pending. CW_WATCH_*, CW_DISK_*, and what `openRoot` throws; what is pending then is lost. */
  async settle(): Promise<void> {
    await using opener = new FolderOpener(this.#parts.openRoot);
    this.#round += 1;
    const stuck: WatchedNode[] = [];
    for (;;) {
      const seen = await this.#look(opener, stuck);
      if (seen === null) break;
      await this.#take(seen, opener);
    }
    for (const [node, round] of this.#missing) if (round < this.#round) this.#remove(node);
    for (const folder of stuck) this.#lookAgain(folder);
    this.#isRescan = false;
  }

  /** All names that are pending, else the next whole folder; null: nothing is pending. */
  async #look(opener: FolderOpener, stuck: WatchedNode[]): Promise<Seen[] | null> {
    const { tree, clock } = this.#parts;
    const named = this.pending.takeNames();
    const folder = named.length === 0 ? this.pending.takeWhole() : null;
    if (folder !== null) return (await this.#lookAtWhole(opener, folder, stuck)) ?? [];
    if (named.length === 0) return null;
    const seen: Seen[] = [];
    const later: typeof named = [];
    for (const [node, names] of named.sort(([a], [b]) => depthOf(a) - depthOf(b))) {
      if (!tree.has(node)) continue;
      const dir = await this.#open(opener, node);
      if (dir === null) later.push([node, names]);
      else if (dir !== 'unreadable') seen.push(...(await lookAtNames(clock, { folder: node, dir }, names)));
    }
    // a folder that is not where it was may be found by what was seen
    for (const [node, names] of later) {
      if (seen.length === 0) stuck.push(node);
      else for (const [name, hint] of names) this.pending.add(node, name, hint);
    }
    return seen;
  }

  async #lookAtWhole(
    opener: FolderOpener,
    folder: WatchedNode,
    stuck: WatchedNode[],
  ): Promise<Seen[] | null> {
    const { tree, clock } = this.#parts;
    if (!tree.has(folder)) return null;
    const dir = await this.#open(opener, folder);
    if (dir === null) stuck.push(folder);
    if (dir === null || dir === 'unreadable') return null;
    // first the watch, then the look: what happens between is hinted
    const hints = this.#parts.hints();
    if (hints !== null && tree.setWatch(folder, hints.watch(dir))) this.#doubt(folder);
    return lookAtWhole(clock, { folder, dir });
  }

  /** A new folder in the place and with the number of one that was removed: so may all be that it holds. */
  #doubt(folder: WatchedNode): void {
    for (const child of folder.children?.values() ?? [])
      if (child.children !== null) this.pending.addWhole(child);
  }

  async #open(opener: FolderOpener, node: WatchedNode): Promise<Dir | null | 'unreadable'> {
    try {
      return await opener.open(node);
    } catch (failure) {
      if (node.parent !== null && asCausewayError(failure).code === 'CW_DISK_PERMISSION') return 'unreadable';
      throw failure;
    }
  }

  /** The folder is elsewhere or gone: its old name is looked at, and once it is in its place all of it. */
  #lookAgain(folder: WatchedNode): void {
    const { tree } = this.#parts;
    if (!tree.has(folder) || folder.parent === null) return;
    this.pending.add(folder.parent, folder.name, AGAIN);
    this.pending.addWhole(folder);
  }

  async #take(seen: readonly Seen[], opener: FolderOpener): Promise<void> {
    const changed: Seen[] = [];
    for (const one of seen) {
      const node = one.folder.children?.get(one.name);
      if (one.stat === null && node === undefined) continue;
      if (one.stat === null || node === undefined || !isSame(node, one.stat)) changed.push(one);
      else this.#update(node, one, one.stat);
    }
    this.#wanted = new Map(changed.flatMap((one) => (one.stat === null ? [] : [[idOf(one.stat), one]])));
    for (const one of changed) await this.#place(one, opener);
    this.#wanted.clear();
  }

  async #place(one: Seen, opener: FolderOpener, depth = 0): Promise<void> {
    const { tree } = this.#parts;
    if (one.isDone || !tree.has(one.folder)) return;
    one.isDone = true;
    const { folder, name, stat, hint } = one;
    const old = folder.children?.get(name);
    if (stat === null) {
      if (old === undefined) return;
      if (hint?.removed === true && hint.movedOut !== true) this.#remove(old);
      else if (!this.#missing.has(old)) this.#missing.set(old, this.#round);
      return;
    }
    // what was there before may have got another name first
    const other = old === undefined || isSame(old, stat) ? undefined : this.#wanted.get(old.id);
    if (other !== undefined && depth < CHAIN_MAX) await this.#place(other, opener, depth + 1);
    const mover = await this.#moverOf(one, stat, opener);
    if (!tree.has(folder)) return;
    const still = folder.children?.get(name);
    if (still !== undefined && isSame(still, stat)) this.#update(still, one, stat);
    else if (mover !== null && mover !== still && !holds(mover, folder)) this.#move(mover, still, one, stat);
    else if (still?.kind === 'file' && stat.kind === 'file') this.#replace(still, one, stat);
    else {
      if (still !== undefined) this.#remove(still);
      this.#create(one, stat);
    }
  }

  /** Who had this id under another name, which leads to something else now. */
  async #moverOf(one: Seen, stat: Stat, opener: FolderOpener): Promise<WatchedNode | null> {
    const { tree, clock } = this.#parts;
    if (one.hint !== null && one.hint.movedIn !== true) return null;
    const node = tree.byId(idOf(stat));
    if (node === null || node.parent === null || node.kind !== stat.kind || !tree.has(node)) return null;
    const { parent } = node;
    const dir = await this.#open(opener, parent);
    if (dir === null || dir === 'unreadable') return node;
    const [there] = await lookAtNames(clock, { folder: parent, dir }, [[node.name, null]]);
    return there?.stat != null && idOf(there.stat) === node.id ? null : node; // a further name of the same file
  }

  #move(node: WatchedNode, replaced: WatchedNode | undefined, one: Seen, stat: Stat): void {
    const { tree, tell } = this.#parts;
    const from = tree.pathOf(node);
    if (replaced !== undefined) this.#forget(replaced);
    this.#missing.delete(node);
    tree.move(node, one.folder, one.name);
    tell({ kind: 'rename', path: tree.pathOf(node), from, type: node.kind });
    if (node.children !== null) this.pending.addWhole(node);
    this.#update(node, { ...one, hint: { ...one.hint, closed: true } }, stat);
  }

  #replace(node: WatchedNode, one: Seen, stat: Stat): void {
    this.#missing.delete(node);
    const { tree, tell } = this.#parts;
    const hasOtherRights = !sameRights(node.stat, stat);
    tree.update(node, stat, one.isFresh);
    tell({ kind: 'modify', path: tree.pathOf(node), type: node.kind });
    if (hasOtherRights) tell({ kind: 'attributes', path: tree.pathOf(node), type: node.kind });
  }

  #create({ folder, name, isFresh }: Seen, stat: Stat): void {
    const { tree, tell } = this.#parts;
    const node = tree.add(folder, name, stat, isFresh);
    tell({ kind: 'create', path: tree.pathOf(node), type: node.kind });
    if (node.children !== null) this.pending.addWhole(node);
  }

  #remove(node: WatchedNode): void {
    const { tree, tell } = this.#parts;
    if (tree.has(node)) tell({ kind: 'delete', path: tree.pathOf(node), type: node.kind });
    this.#forget(node);
  }

  #forget(node: WatchedNode): void {
    const { tree } = this.#parts;
    this.#missing.delete(node);
    if (tree.has(node)) tree.remove(node);
  }

  #update(node: WatchedNode, { hint, isFresh }: Seen, stat: Stat): void {
    const { tree, tell } = this.#parts;
    const { isWritten, isMarked } = differenceOf(node, stat, this.#isRescan ? (hint ?? 'unseen') : hint);
    this.#missing.delete(node);
    tree.update(node, stat, isFresh);
    if (node.children !== null && hint?.appeared === true) this.pending.addWhole(node);
    if (!isWritten && !isMarked) return;
    const path = tree.pathOf(node);
    if (isWritten) tell({ kind: 'modify', path, type: node.kind });
    if (isMarked) tell({ kind: 'attributes', path, type: node.kind });
  }
}

function differenceOf(node: WatchedNode, stat: Stat, told: HintKinds | null | 'unseen') {
  const hint = told === 'unseen' ? null : told;
  const { stat: old } = node;
  const hasOtherRights = !sameRights(old, stat);
  const hasOtherCtime = old.ctimeNs !== stat.ctimeNs;
  if (node.kind === 'directory')
    return { isWritten: false, isMarked: hasOtherRights || (hint?.attributes === true && hasOtherCtime) };
  const differs = old.sizeBytes !== stat.sizeBytes || old.mtimeNs !== stat.mtimeNs;
  // a time that was set is an attribute, where the kernel says that nothing was written
  const onlyMarked = hint?.attributes === true && hint.closed !== true && hint.appeared !== true;
  const isWritten =
    hint?.written === true ||
    (differs && !onlyMarked) ||
    (told === 'unseen' && node.isFresh && node.kind === 'file');
  const isMarked =
    hasOtherRights || (!isWritten && hasOtherCtime && (hint === null || hint.attributes === true));
  return { isWritten, isMarked };
}

function isSame(node: WatchedNode, stat: Stat): boolean {
  return node.kind === stat.kind && node.id === idOf(stat);
}

function sameRights(one: Stat, other: Stat): boolean {
  return one.mode === other.mode && one.userId === other.userId && one.groupId === other.groupId;
}

function holds(node: WatchedNode, folder: WatchedNode): boolean {
  for (let at: WatchedNode | null = folder; at !== null; at = at.parent) if (at === node) return true;
  return false;
}

function depthOf(node: WatchedNode): number {
  let depth = 0;
  for (let at = node.parent; at !== null; at = at.parent) depth += 1;
  return depth;
}
