import { assert } from '../../base/assert.ts';
import { isDirectlyIn, joinRel, type Name, namesOf, type RelPath } from '../../base/path.ts';
import type { Applied, Change, NearAttrs, Patch } from './changes.ts';
import { Layer, type RecordPlace } from './layer.ts';
import {
  HeldNames,
  itemOfNode,
  itemOfOp,
  newNode,
  type Op,
  type StateItem,
  sizeOf,
  type WbNode,
} from './nodes.ts';

const NS_PER_MS = 1_000_000n;

/** Where a path leads on this side: to a node here, nowhere, to what hinders (in `node`), or to what the far tree has there. */
export type Place =
  | { readonly at: 'node' | 'hindered'; readonly node: WbNode }
  | { readonly at: 'absent' | 'far' };

/**
 * What this side has changed and the far tree does not have yet: nodes, and the changes that wait, in order. Pure: each
 * record of the journal, applied in order, gives the same state again. What waits is joined where nobody can see it over
 * there: writes of one file, a rename of a file that is not there yet, a removal of what was not sent.
 */
export class Overlay {
  readonly #journal: string;
  readonly #nodes = new Map<number, WbNode>();
  readonly #shown = new Map<RelPath, WbNode>();
  readonly #held = new HeldNames();
  #ops: Op[] = [];
  #nextRef = 1;
  #nextSeq = 1;
  #dirtyBytes = 0;

  /** `journal` is part of the identities of what is made here. */
  constructor(journal: string) {
    this.#journal = journal;
  }

  /** Changes that wait, in the order in which they were made. */
  get ops(): readonly Op[] {
    return this.#ops;
  }

  get nextRef(): number {
    return this.#nextRef;
  }

  /** What was written and is not over there. */
  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  nodeOf(ref: number): WbNode | null {
    return this.#nodes.get(ref) ?? null;
  }

  shownAt(path: RelPath): WbNode | null {
    return this.#shown.get(path) ?? null;
  }

  place(path: RelPath): Place {
    const names = namesOf(path);
    let at = '' as RelPath;
    let isHere = false;
    for (const [index, name] of names.entries()) {
      at = joinRel(at, name);
      const node = this.#shown.get(at);
      if (node === undefined) {
        if (isHere || this.#held.has(at)) return { at: 'absent' };
        continue;
      }
      if (index === names.length - 1) return { at: 'node', node };
      if (node.kind !== 'directory') return { at: 'hindered', node };
      isHere = node.far === null;
    }
    return { at: 'far' };
  }

  /** What differs from the far tree in a folder: names of nodes here, and names that nothing has here (null). */
  changedIn(folder: RelPath): Map<Name, WbNode | null> {
    const found = new Map<Name, WbNode | null>();
    for (const name of this.#held.of(folder)) found.set(name, this.#shown.get(joinRel(folder, name)) ?? null);
    return found;
  }

  /** Whether anything that waits lies at the path or below it. */
  touches(path: RelPath): boolean {
    return this.#ops.some((op) => touches(op, path));
  }

  /** Segments that hold what is still needed. */
  segments(): Set<number> {
    const needed = new Set<number>();
    for (const { layers } of this.#nodes.values())
      for (const layer of layers) for (const { place } of layer.extents) needed.add(place.segment);
    return needed;
  }

  /** Takes a record. `live` is the node of an `adopt`, where it is known already. The node that it is about. */
  apply(change: Change, place: RecordPlace | null = null, live?: WbNode): WbNode | null {
    switch (change.do) {
      case 'make':
        return this.#make(change);
      case 'adopt':
        return this.#adopt(change, live);
      case 'begun':
        for (const op of this.#ops)
          if (change.seqs.includes(op.seq)) [op.begun, op.triedMs] = [true, change.atMs];
        return null;
      case 'applied':
        for (const result of change.results) this.#applied(result);
        return null;
      default:
        break;
    }
    const node = this.#nodes.get(change.ref);
    if (node === undefined) return null; // nobody has seen it since
    if (change.do === 'rename') this.#rename(node, change);
    else if (change.do === 'remove') this.#remove(node, change.atMs);
    else if (change.do === 'attrs') this.#setAttrs(node, change.patch, change.atMs);
    else
      this.#content(node, change.atMs, (layer) => {
        if (change.do === 'truncate') layer.truncate(change.sizeBytes);
        else if (place !== null) layer.write(change.offset, change.sizeBytes, place);
      });
    return node;
  }

  /** Nobody has the node open any more. */
  left(node: WbNode): void {
    if (node.ops.length === 0) this.#settle(node);
  }

  /** Forgets what nobody can get at: what was open when a process ended. */
  forgetLost(): void {
    for (const op of this.#ops) if (op.begun) op.wroteMs = op.triedMs; // before the next attempt is noted
    for (const op of [...this.#ops])
      if (op.kind === 'file' && op.to === null) this.#drop(op, { freesLayer: false });
    for (const node of [...this.#nodes.values()]) if (node.ops.length === 0) this.#settle(node);
  }

  /** Identities of the far tree mean nothing after a restart. */
  forgetIds(): void {
    for (const node of this.#nodes.values()) if (node.base !== null) node.base = { ...node.base, id: '' };
  }

  state(): StateItem[] {
    const nodes = new Set<WbNode>();
    for (const { node, replaced } of this.#ops) {
      nodes.add(node);
      if (replaced !== null) nodes.add(replaced);
    }
    return [
      { item: 'next', ref: this.#nextRef, seq: this.#nextSeq },
      ...[...nodes].map(itemOfNode),
      ...this.#ops.map(itemOfOp),
    ];
  }

  /** What {@link state} gave. */
  restore(items: readonly StateItem[]): void {
    for (const item of items) {
      if (item.item === 'next') [this.#nextRef, this.#nextSeq] = [item.ref, item.seq];
      else if (item.item === 'node') this.#nodes.set(item.ref, newNode(item));
      else {
        const node = this.#nodes.get(item.ref);
        assert(node !== undefined, 'a node stands before its changes');
        const layer = item.layer && Layer.of(item.layer);
        if (layer !== null) node.layers.push(layer);
        this.#dirtyBytes += layer?.writtenBytes ?? 0;
        const replaced = item.replaced === null ? null : (this.#nodes.get(item.replaced) ?? null);
        this.#add({ ...item, node, layer, replaced, tried: null, wroteMs: null });
      }
    }
  }

  #make(change: Change & { readonly do: 'make' }): WbNode {
    const { ref, kind, path, attrs, target, atMs } = change;
    const id = `${this.#journal}:${ref}`;
    const node = newNode({ ref, id, kind, target, near: path, far: null, base: null, attrs });
    this.#nodes.set(ref, node);
    this.#nextRef = Math.max(this.#nextRef, ref + 1);
    const layer = kind === 'file' ? Layer.over(0) : null;
    if (layer !== null) node.layers.push(layer);
    this.#append(node, kind === 'directory' ? 'folder' : kind, atMs, {
      to: path,
      keeps: path === null,
      layer,
      mtimeNs: kind === 'file' ? attrs.mtimeNs : null,
    });
    return node;
  }

  #adopt(change: Change & { readonly do: 'adopt' }, live: WbNode | undefined): WbNode {
    const { ref, kind, path, id, base, attrs, target } = change;
    const node = live ?? newNode({ ref, id, kind, target, near: path, far: path, base, attrs });
    Object.assign(node, { ref, near: path, far: path, base, attrs: { ...attrs } });
    this.#nodes.set(ref, node);
    this.#nextRef = Math.max(this.#nextRef, ref + 1);
    return node;
  }

  #content(node: WbNode, atMs: number, act: (layer: Layer) => void): void {
    const op = this.#contentOp(node, atMs);
    const layer = op?.layer ?? this.#looseLayer(node);
    const before = layer.writtenBytes;
    act(layer);
    this.#dirtyBytes += layer.writtenBytes - before;
    this.#touch(node, atMs);
    if (op !== null) op.mtimeNs = node.attrs.mtimeNs;
  }

  /** The change that takes what is written now; null where the node has no name any more and nothing is to be sent. */
  #contentOp(node: WbNode, atMs: number): Op | null {
    const last = node.ops.at(-1);
    if (last?.layer && !last.begun) return last;
    if (node.near === null) return null;
    const layer = Layer.over(sizeOf(node));
    node.layers.push(layer);
    return this.#append(node, 'data', atMs, { layer });
  }

  #looseLayer(node: WbNode): Layer {
    const top = node.layers.at(-1);
    if (top !== undefined && !node.ops.some(({ layer }) => layer === top)) return top;
    const layer = Layer.over(sizeOf(node));
    node.layers.push(layer);
    return layer;
  }

  #setAttrs(node: WbNode, patch: Patch, atMs: number): void {
    const { mtimeNs } = node.attrs;
    this.#touch(node, atMs);
    Object.assign(node.attrs, { mtimeNs }, patch);
    const last = node.ops.at(-1);
    if (last !== undefined && !last.begun && (last.kind === 'attrs' || last.kind === 'file')) {
      last.patch = { ...last.patch, ...patch };
      if (patch.mtimeNs !== undefined && last.kind === 'file') last.mtimeNs = patch.mtimeNs;
    } else if (node.near !== null) this.#append(node, 'attrs', atMs, { patch });
  }

  #rename(node: WbNode, { to, replaced: ref, atMs }: Change & { readonly do: 'rename' }): void {
    const standing = ref === null ? null : (this.#nodes.get(ref) ?? null);
    const from = node.near;
    const first = node.ops[0];
    if (first?.keeps && from === null && standing !== null) {
      const { mode, userId, groupId } = standing.attrs;
      Object.assign(node.attrs, { mode, userId, groupId }, first.patch);
    }
    const covered = this.#cover(standing);
    const isUnsent = node.far === null && first?.kind === 'file' && !first.begun;
    if (
      isUnsent &&
      node.ops.length === 1 &&
      (from === null || (covered === null && first.replaced === null))
    ) {
      // nobody has seen it over there: it comes to be where it is now, after all that came before
      this.#take(first);
      first.to = to;
      first.replaced = covered;
      first.seq = this.#nextSeq;
      this.#nextSeq += 1;
      this.#add(first);
    } else this.#append(node, 'rename', atMs, { to, from, replaced: covered });
    this.#show(node, to);
    node.attrs.ctimeNs = String(BigInt(atMs) * NS_PER_MS);
  }

  /** Another node takes its name. What of it the far tree has, or will have, at that name: null for nothing. */
  #cover(node: WbNode | null): WbNode | null {
    if (node === null) return null;
    const under = this.#cancel(node);
    this.#show(node, null);
    node.attrs.linkCount = 0;
    if (node.far !== null || node.ops.length > 0) return node;
    this.#settle(node);
    return under;
  }

  #remove(node: WbNode, atMs: number): void {
    const at = node.near;
    const under = this.#cancel(node);
    if (node.far !== null || node.ops.length > 0) this.#append(node, 'remove', atMs, { to: at });
    else if (under !== null) this.#append(under, 'remove', atMs, { to: at });
    this.#show(node, null);
    node.attrs.linkCount = 0;
    if (node.ops.length === 0) this.#settle(node);
  }

  /** Takes back what nobody needs of a node that goes. Gives what stays over there of that for which it was to come. */
  #cancel(node: WbNode): WbNode | null {
    for (const op of [...node.ops].reverse()) {
      // what was written before a rename is to be there when the rename is
      if (op.begun || (op.kind !== 'data' && op.kind !== 'attrs')) break;
      this.#drop(op, { freesLayer: false });
    }
    const first = node.ops[0];
    if (node.ops.length !== 1 || first === undefined || first.begun || node.far !== null) return null;
    if (first.kind === 'folder' && this.#holdsOps(first)) return null;
    if (first.kind !== 'file' && first.kind !== 'folder' && first.kind !== 'symlink') return null;
    this.#drop(first, { freesLayer: false });
    return first.replaced;
  }

  /** Something that waits was, or is to be, in the folder. */
  #holdsOps({ to, node }: Op): boolean {
    const isIn = (path: RelPath | null) => path !== null && to !== null && isDirectlyIn(path, to);
    return this.#ops.some((op) => op.node !== node && (isIn(op.to) || isIn(op.from)));
  }

  #applied({ seq, far, movedTo }: Applied): void {
    const op = this.#ops.find((one) => one.seq === seq);
    if (op === undefined) return;
    const { node, replaced } = op;
    const former = op.to ?? node.far;
    if (replaced !== null && movedTo === undefined) [replaced.far, replaced.base] = [null, null];
    node.far = far?.path ?? null;
    node.base = far?.base ?? null;
    this.#drop(op, { freesLayer: true });
    if (movedTo !== undefined && node.near !== null && node.near === former) this.#show(node, movedTo);
    for (const one of [node, replaced]) if (one !== null && one.ops.length === 0) this.#settle(one);
  }

  /** A node of which nothing waits is no matter of this side any more, unless somebody has it open and it has no name. */
  #settle(node: WbNode): void {
    if (node.ref === 0 || this.#ops.some(({ replaced }) => replaced === node)) return;
    if (node.near === null && node.handles > 0) return;
    if (node.near !== null && this.#shown.get(node.near) === node) {
      this.#held.change(node.near, -1);
      this.#shown.delete(node.near);
    }
    for (const layer of node.layers) this.#dirtyBytes -= layer.writtenBytes;
    node.layers = [];
    this.#nodes.delete(node.ref);
    node.ref = 0;
  }

  #append(node: WbNode, kind: Op['kind'], atMs: number, of: Partial<Op>): Op {
    const op: Op = {
      seq: this.#nextSeq,
      node,
      kind,
      to: null,
      from: null,
      replaced: null,
      keeps: false,
      layer: null,
      patch: null,
      mtimeNs: null,
      begun: false,
      triedMs: 0,
      tried: null,
      wroteMs: null,
      sinceMs: atMs,
      ...of,
    };
    this.#nextSeq += 1;
    this.#add(op);
    return op;
  }

  #add(op: Op): void {
    const { node } = op;
    if (node.ops.length === 0 && node.near !== null && this.#shown.get(node.near) !== node) {
      this.#shown.set(node.near, node);
      this.#held.change(node.near, 1);
    }
    this.#ops.push(op);
    node.opsMade += 1;
    node.ops.push(op);
    this.#held.change(op.to, 1);
    this.#held.change(op.from, 1);
  }

  #take(op: Op): void {
    this.#ops = this.#ops.filter((one) => one !== op);
    op.node.ops = op.node.ops.filter((one) => one !== op);
    this.#held.change(op.to, -1);
    this.#held.change(op.from, -1);
  }

  #drop(op: Op, { freesLayer }: { readonly freesLayer: boolean }): void {
    this.#take(op);
    if (!freesLayer || op.layer === null) return;
    op.node.layers = op.node.layers.filter((layer) => layer !== op.layer);
    this.#dirtyBytes -= op.layer.writtenBytes;
  }

  /** Moves a node to another name of this side; null: to none. */
  #show(node: WbNode, path: RelPath | null): void {
    if (node.near !== null && this.#shown.get(node.near) === node) {
      this.#shown.delete(node.near);
      this.#held.change(node.near, -1);
    }
    node.near = path;
    if (path === null) return;
    this.#shown.set(path, node);
    this.#held.change(path, 1);
  }

  #touch(node: WbNode, atMs: number): void {
    const now = BigInt(atMs) * NS_PER_MS;
    const before = BigInt(node.attrs.ctimeNs);
    // a clock stands still between two changes: what changed must show all the same
    const next = String(now > before ? now : before + 1n);
    node.attrs.mtimeNs = next;
    node.attrs.ctimeNs = next;
  }
}

/** Whether a change lies at the path or below it. */
export function touches({ to, from, node }: Op, path: RelPath): boolean {
  return [to, from, node.near, node.far].some(
    (one) => one !== null && (one === path || one.startsWith(`${path}/`)),
  );
}

/** Whether a change is of a folder that is on the way to the path. */
export function leadsTo({ to, from, node }: Op, path: RelPath): boolean {
  return [to, from, node.near, node.far].some((one) => one !== null && path.startsWith(`${one}/`));
}

/** Attributes of what is made now. */
export function freshAttrs(mode: number, userId: number, groupId: number, atMs: number): NearAttrs {
  const time = String(BigInt(atMs) * NS_PER_MS);
  return { mode, userId, groupId, mtimeNs: time, ctimeNs: time, linkCount: 1 };
}
