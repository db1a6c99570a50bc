import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { FileTree, TreeFile, TreeNode } from '../../tree/files/file_tree.ts';
import type { AttrPatch } from '../../world/disk.ts';
import { asidePath } from './aside.ts';
import type { Applied, Base, Patch } from './changes.ts';
import { contentOf } from './content.ts';
import type { Journal } from './journal.ts';
import type { Layer } from './layer.ts';
import { baseOf, type Op, type WbNode } from './nodes.ts';

const NS_PER_MS = 1_000_000n;

/** Something that others have changed over there too. */
export interface Conflict {
  /** What was to be changed, as this side calls it. */
  readonly path: RelPath;
  /** Where what was written here is now; null where nothing but a change of names was left out. */
  readonly keptAs: RelPath | null;
  readonly message: string;
}

/** What a sender has to know of this side. */
export interface NearSide {
  readonly wallMs: () => number;
  /** Whether this side shows something of its own there. */
  readonly isTaken: (path: RelPath) => boolean;
}

export interface Sent {
  readonly result: Omit<Applied, 'seq'>;
  readonly conflict: Conflict | null;
}

/**
 * Makes a change in the far tree, durable when it resolves. Nothing that others have changed there since it was looked at is
 * changed, replaced or removed: what was written here then goes to a name beside it. Each may have been made before,
 * or half of it, where a process ended on the way: `again` tells that.
 */
export class Sender {
  readonly #far: FileTree;
  readonly #journal: Pick<Journal, 'read'>;
  readonly #near: NearSide;

  constructor(far: FileTree, journal: Pick<Journal, 'read'>, near: NearSide) {
    this.#far = far;
    this.#journal = journal;
    this.#near = near;
  }

  /** What the far tree throws; then nothing, or a part of it, was made. */
  send(op: Op, again: boolean): Promise<Sent> {
    switch (op.kind) {
      case 'file':
        return this.#file(op, again);
      case 'folder':
        return this.#folder(op, again);
      case 'symlink':
        return this.#symlink(op, again);
      case 'data':
        return this.#data(op, again);
      case 'attrs':
        return this.#attrs(op, again);
      case 'rename':
        return this.#rename(op, again);
      case 'remove':
        return this.#remove(op, again);
    }
  }

  async #file(op: Op, again: boolean): Promise<Sent> {
    const { node, replaced } = op;
    const to = op.to as RelPath;
    const layer = op.layer as Layer;
    const isExpected = (there: TreeNode | null) =>
      replaced?.base ? there !== null && isUntouched(there, replaced.base, again) : there === null;
    const there = await this.#find(to);
    if (isExpected(there)) {
      if (isUnseen(node) && replaced === null) return sent(null);
      const base = await this.#place(to, op, null, async () => isExpected(await this.#find(to)));
      if (base !== null) return sent({ path: to, base });
    } else if (there !== null && (await this.#holds(to, there, layer))) {
      await this.#keepName(to); // an attempt that was cut off put it there
      return sent({ path: to, base: await this.#finished(to, op, null) });
    }
    return this.#aside(op, to, layer, null);
  }

  async #folder({ to: path, patch, node }: Op, again: boolean): Promise<Sent> {
    const to = path as RelPath;
    const there = await this.#find(to);
    if (there?.kind === 'directory') {
      if (again) await this.#keepName(to);
      return sent({ path: to, base: baseOf(there) });
    }
    if (there !== null)
      throw new CausewayError('CW_CACHE_CONFLICT', `something else is called ${to} over there`);
    const made = await this.#far.create(to, { kind: 'directory', mode: patch?.mode ?? node.attrs.mode });
    return sent({ path: to, base: baseOf(made) });
  }

  async #symlink({ node, to: path }: Op, again: boolean): Promise<Sent> {
    const wanted = path as RelPath;
    const target = node.target ?? '';
    for (let number = 0; number <= LIMITS.writeBackConflictsMax.value; number += 1) {
      const to = number === 0 ? wanted : asidePath(wanted, number);
      const there = await this.#find(to);
      const isThere = there?.kind === 'symlink' && there.target === target;
      if (!isThere && (there !== null || (number > 0 && this.#near.isTaken(to)))) continue;
      if (isThere && again) await this.#keepName(to);
      const base = baseOf(there ?? (await this.#far.create(to, { kind: 'symlink', target })));
      return number === 0 ? sent({ path: to, base }) : moved(wanted, to, base);
    }
    throw noName(wanted);
  }

  async #data(op: Op, again: boolean): Promise<Sent> {
    const { node } = op;
    const layer = op.layer as Layer;
    const { far: path, base } = node;
    if (isUnseen(node)) return this.#unseen(op, again);
    if (path === null || base === null) {
      if (node.near === null) return sent(null);
      return this.#aside(op, node.near, layer, null);
    }
    const there = await this.#find(path);
    if (there?.kind !== 'file' || !isOurs(there, op, again))
      return this.#aside(op, path, layer, there?.kind === 'file' ? path : null);
    op.tried = baseOf(there);
    const own = node.farFile?.writes === true ? node.farFile.file : null;
    const file = own ?? (await this.#far.open(path, 'write'));
    node.lentFile = own;
    try {
      const { id, sizeBytes } = await file.node();
      if (id !== there.id) return await this.#aside(op, path, layer, path);
      op.wroteMs = this.#near.wallMs();
      if (sizeBytes > layer.cutBytes) await file.truncate(layer.cutBytes);
      for (const { from, to } of layer.extents)
        for await (const piece of contentOf(this.#journal, [layer], null, from, to)) {
          if (piece === null) throw lost(path);
          await file.write(piece.bytes, piece.offset);
        }
      if ((await file.node()).sizeBytes !== layer.sizeBytes) await file.truncate(layer.sizeBytes);
      return sent({ path, base: await this.#finished(path, op, file) });
    } catch (failure) {
      op.tried = await file.node().then(baseOf, () => null); // it is tried again: what others change until then is to be told apart
      throw failure;
    } finally {
      node.lentFile = null;
      const isHeld = node.farFile?.file === file || node.spareFiles.includes(file);
      if (!isHeld) await file.close(); // or whoever had it open has closed it meanwhile
    }
  }

  /** Nobody will see what was written: the file goes. An attempt that was cut off may have written some of it. */
  async #unseen(op: Op, again: boolean): Promise<Sent> {
    const { far: path, base } = op.node;
    if (path === null || base === null) return sent(null);
    const there = again ? await this.#find(path) : null;
    return sent({ path, base: there !== null && isOurs(there, op, again) ? baseOf(there) : base });
  }

  async #attrs({ node, patch }: Op, again: boolean): Promise<Sent> {
    const { far: path, base } = node;
    const there = path && (await this.#find(path));
    if (path === null || base === null || !there) return sent(null);
    const after = baseOf(await this.#far.setAttrs(path, patchOf(patch ?? {})));
    return sent({ path, base: isUntouched(there, base, again) ? after : base });
  }

  async #rename({ node, to: path, replaced }: Op, again: boolean): Promise<Sent> {
    const { far: from, base } = node;
    const to = path as RelPath;
    if (from === null || base === null) return sent(null);
    const [source, there] = [await this.#find(from), await this.#find(to)];
    if (again && there !== null && isIt(there, base)) {
      const isUnderBoth = source !== null && source.id === there.id;
      if (isUnderBoth) await this.#far.remove(from); // some trees give the new name first
      if (isUnderBoth || source === null || !isIt(source, base)) {
        await this.#keepName(to);
        return sent({ path: to, base: baseOf(await this.#far.lookup(to)) });
      }
    }
    if (source === null) {
      const message = `${from} is gone over there, so it could not be renamed to ${to}`;
      return { result: { far: null }, conflict: { path: to, keptAs: null, message } };
    }
    const baseAt = async (place: RelPath) =>
      isUntouched(source, base, again) ? baseOf(await this.#far.lookup(place)) : base; // what others changed is still to be noticed
    const isExpected = there === null || (replaced?.base ? isUntouched(there, replaced.base, again) : false);
    if (isExpected) {
      await this.#far.rename(from, to, { replace: there !== null });
      return sent({ path: to, base: await baseAt(to) });
    }
    for (let number = 1; number <= LIMITS.writeBackConflictsMax.value; number += 1) {
      const aside = asidePath(to, number);
      if (this.#near.isTaken(aside) || (await this.#find(aside)) !== null) continue;
      await this.#far.rename(from, aside, { replace: false });
      return moved(to, aside, await baseAt(aside));
    }
    throw noName(to);
  }

  async #remove({ node }: Op, again: boolean): Promise<Sent> {
    const { far: path, base } = node;
    const there = path && (await this.#find(path));
    if (path === null || base === null) return sent(null);
    if (!there) {
      if (again) await this.#keepGone(path);
      return sent(null);
    }
    const stays = (message: string): Sent => ({
      result: { far: null },
      conflict: { path, keptAs: null, message },
    });
    if (there.kind !== node.kind || (node.kind !== 'directory' && !isUntouched(there, base, again)))
      return stays(`${path} was changed over there, so it was not removed`);
    try {
      await this.#far.remove(path);
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_NOT_EMPTY') throw failure;
      return stays(`${path} got something new over there, so it was not removed`);
    }
    return sent(null);
  }

  /** What was written goes to a name beside the one that it was to have. */
  async #aside(op: Op, wanted: RelPath, layer: Layer, below: RelPath | null): Promise<Sent> {
    for (let number = 1; number <= LIMITS.writeBackConflictsMax.value; number += 1) {
      const to = asidePath(wanted, number);
      const there = await this.#find(to);
      const isThere = there !== null && below === null && (await this.#holds(to, there, layer));
      if (!isThere && (there !== null || this.#near.isTaken(to))) continue;
      if (isThere) await this.#keepName(to);
      const placed = isThere ? null : await this.#place(to, op, below, async () => true);
      return moved(wanted, to, placed ?? (await this.#finished(to, op, null)));
    }
    throw noName(wanted);
  }

  /** Puts a file with the content of the layer to a name in one step, where `mayPlace` still says so at the end; else null. */
  async #place(
    to: RelPath,
    op: Op,
    below: RelPath | null,
    mayPlace: () => Promise<boolean>,
  ): Promise<Base | null> {
    const { node, layer } = op;
    const file = await this.#written(to, layer as Layer, below);
    let base: Base | null = null;
    try {
      if (await mayPlace()) {
        await file.publish();
        base = await this.#finished(to, op, file);
      }
    } finally {
      if (base !== null && node.handles > 0) {
        if (node.farFile !== null) node.spareFiles.push(node.farFile.file);
        node.farFile = { file, writes: true };
      } else await file.close();
    }
    return base;
  }

  /** A file that holds the layer, and is not seen before it is published. */
  async #written(path: RelPath, layer: Layer, below: RelPath | null): Promise<TreeFile> {
    const file = await this.#far.open(path, 'replace');
    const under = below === null ? null : await this.#far.open(below, 'read');
    try {
      for await (const piece of contentOf(this.#journal, [layer], under)) {
        if (piece === null) throw lost(path);
        await file.write(piece.bytes, piece.offset);
      }
      return file;
    } catch (failure) {
      await file.close();
      throw failure;
    } finally {
      await under?.close();
    }
  }

  /** Makes a name durable that an attempt which was cut off may not have made so: that is part of a rename, to itself too. */
  #keepName(path: RelPath): Promise<void> {
    return this.#far.rename(path, path, { replace: true });
  }

  /**
   * Makes durable that a name is gone, which an attempt that was cut off may not have done: that is part of each change in the
   * folder, so something is made and removed there.
   */
  async #keepGone(path: RelPath): Promise<void> {
    const mark = asidePath(path, 0);
    try {
      await this.#far.create(mark, { kind: 'directory' });
    } catch (failure) {
      const { code } = asCausewayError(failure);
      if (code === 'CW_DISK_EXISTS' || code === 'CW_DISK_NOT_FOUND') return; // it is not ours, or the folder is gone too
      throw failure;
    }
    await this.#far.remove(mark);
  }

  /** Gives a file its attributes, and makes all of it durable. */
  async #finished(path: RelPath, { patch, mtimeNs }: Op, file: TreeFile | null): Promise<Base> {
    const all = { ...patch, ...(mtimeNs === null ? {} : { mtimeNs }) };
    const node = await this.#withAttrs(path, all, patch !== null);
    if (file !== null) return baseOf(await file.publish());
    try {
      await using opened = await this.#far.open(path, 'write');
      return baseOf(await opened.publish());
    } catch (failure) {
      // a file that this user may not write to: its times may be lost with the power over there
      if (asCausewayError(failure).code !== 'CW_DISK_PERMISSION') throw failure;
      return baseOf(node);
    }
  }

  /** Whoever may write to a file may not always set its time: then it has the time at which it was sent on. */
  async #withAttrs(path: RelPath, all: Patch, isAsked: boolean): Promise<TreeNode> {
    try {
      return await this.#far.setAttrs(path, patchOf(all));
    } catch (failure) {
      if (isAsked || asCausewayError(failure).code !== 'CW_DISK_PERMISSION') throw failure;
      return await this.#far.lookup(path);
    }
  }

  /** Whether a file holds just what a layer without anything below it has. */
  async #holds(path: RelPath, there: TreeNode, layer: Layer): Promise<boolean> {
    if (there.kind !== 'file' || there.sizeBytes !== layer.sizeBytes) return false;
    await using file = await this.#far.open(path, 'read');
    for await (const piece of contentOf(this.#journal, [layer], null)) {
      if (piece === null) throw lost(path);
      const found = new Uint8Array(piece.bytes.byteLength);
      const count = await file.read(found, piece.offset);
      if (count < found.byteLength || Buffer.compare(found, piece.bytes) !== 0) return false;
    }
    return true;
  }

  async #find(path: RelPath): Promise<TreeNode | null> {
    try {
      return await this.#far.lookup(path);
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
      throw failure;
    }
  }
}

/** It goes before anybody over there could see what it is to hold. */
function isUnseen({ near, ops }: WbNode): boolean {
  return near === null && !ops.some(({ kind }) => kind === 'rename');
}

function sent(far: Applied['far']): Sent {
  return { result: { far }, conflict: null };
}

function moved(path: RelPath, keptAs: RelPath, base: Base): Sent {
  const message = `${path} was changed over there too: what was written here is in ${keptAs}`;
  return {
    result: { far: { path: keptAs, base }, movedTo: keptAs },
    conflict: { path, keptAs, message },
  };
}

/** An identity of a tree that does not keep them over a restart is unknown after one. */
function isSameNode({ id }: TreeNode, base: Base): boolean {
  return base.id === '' || base.id === id;
}

function isSameContent(there: TreeNode, base: Base): boolean {
  return (
    isSameNode(there, base) && there.sizeBytes === base.sizeBytes && String(there.mtimeNs) === base.mtimeNs
  );
}

function isSame(there: TreeNode, base: Base): boolean {
  return isSameContent(there, base) && String(there.ctimeNs) === base.ctimeNs;
}

/** Whether others have left it alone. An attempt of ours that was cut off may have changed its ctime. */
function isUntouched(there: TreeNode, base: Base, again: boolean): boolean {
  return again ? isSameContent(there, base) : isSame(there, base);
}

/**
 * Whether what stands there is what this side knows, or what an attempt of it that did not come to its end has made of that:
 * what the attempt left, where this process made it; after a crash, a change from the time of the attempt.
 */
function isOurs(there: TreeNode, { node, tried, triedMs, wroteMs }: Op, again: boolean): boolean {
  const { base } = node;
  if (base === null || !isSameNode(there, base)) return false;
  if (isSame(there, base)) return true;
  if (!again) return false;
  if (tried !== null) return isSame(there, tried);
  const ctimeMs = Number(there.ctimeNs / NS_PER_MS);
  return Math.abs(ctimeMs - (wroteMs ?? triedMs)) <= LIMITS.writeBackAttemptMs.value;
}

/** Whether it is that node, as far as can be told. */
function isIt(there: TreeNode, base: Base): boolean {
  return base.id === '' ? isSameContent(there, base) : base.id === there.id;
}

function patchOf({ mtimeNs, ...patch }: Patch): AttrPatch {
  return mtimeNs === undefined ? patch : { ...patch, mtimeNs: BigInt(mtimeNs) };
}

function lost(path: RelPath): CausewayError {
  return new CausewayError('CW_CACHE_JOURNAL', `the journal does not hold what was written to ${path}`);
}

function noName(path: RelPath): CausewayError {
  return new CausewayError('CW_CACHE_CONFLICT', `no name beside ${path} is free over there`);
}
