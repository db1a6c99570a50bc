import type { CausewayError } from '../../base/errors.ts';
import type { Name, RelPath } from '../../base/path.ts';
import { splitRel } from '../../base/path.ts';
import type { TreeFile, TreeNode } from '../../tree/files/file_tree.ts';
import type { Base, NearAttrs, NodeKind, Patch } from './changes.ts';
import type { Layer, LayerState } from './layer.ts';

/** A file, folder or symlink that this side has changed or holds open. */
export interface WbNode {
  /** Its number in the journal; 0 while nothing of it waits there. */
  ref: number;
  readonly id: string;
  readonly kind: NodeKind;
  readonly target: string | null;
  /** Where this side shows it; null: nowhere. */
  near: RelPath | null;
  /** Where the far tree has it; null: nowhere. */
  far: RelPath | null;
  base: Base | null;
  attrs: NearAttrs;
  /** What was written to it and is not over there yet, the oldest first. */
  layers: Layer[];
  /** Its changes that wait, the oldest first. */
  ops: Op[];
  /** How many changes of it there ever were. */
  opsMade: number;
  /** Who has it open. */
  handles: number;
  /** Its file over there, while somebody has it open. */
  farFile: { readonly file: TreeFile; readonly writes: boolean } | null;
  /** Files over there that somebody may still read from. */
  spareFiles: TreeFile[];
  /** Of these files, the one by which something is sent on at this moment: whoever does that closes it where nobody has it open any more. */
  lentFile: TreeFile | null;
  /** Some of it was written past the journal, and nobody has made that stable over there. */
  isPast: boolean;
  /** How far it was written to past the journal: its size over there may not be known yet. */
  pastBytes: number;
  /** Whoever is about to change what the far tree has of it, or notes its first change, waits for the one before. */
  turn: Promise<unknown>;
  /** What went wrong with sending it on, until somebody who has it open was told. */
  trouble: CausewayError | null;
}

/** A change that waits to be sent on. */
export interface Op {
  seq: number;
  readonly node: WbNode;
  /** `file`: a file that the far tree does not have yet. `data`: content of one that it has. */
  readonly kind: 'file' | 'folder' | 'symlink' | 'data' | 'attrs' | 'rename' | 'remove';
  /** Where it is to stand, or where it is removed from. Null: nowhere yet, or the change is of no name. */
  to: RelPath | null;
  readonly from: RelPath | null;
  /** What it takes the place of. */
  replaced: WbNode | null;
  /** Mode, owner and values stay those of what is replaced. */
  readonly keeps: boolean;
  readonly layer: Layer | null;
  patch: Patch | null;
  mtimeNs: string | null;
  begun: boolean;
  /** When it was last tried, by the wall clock; 0 before that. */
  triedMs: number;
  /** What this process knows the far tree to hold since it tried in vain; null where it does not. */
  tried: Base | null;
  /** When it was last begun to be written over there, by this process or by the one before. */
  wroteMs: number | null;
  readonly sinceMs: number;
}

/** Nodes and changes as the state that begins a segment has them. */
export type StateItem =
  | { readonly item: 'next'; readonly ref: number; readonly seq: number }
  | {
      readonly item: 'node';
      readonly ref: number;
      readonly id: string;
      readonly kind: NodeKind;
      readonly target: string | null;
      readonly near: RelPath | null;
      readonly far: RelPath | null;
      readonly base: Base | null;
      readonly attrs: NearAttrs;
    }
  | {
      readonly item: 'op';
      readonly seq: number;
      readonly ref: number;
      readonly kind: Op['kind'];
      readonly to: RelPath | null;
      readonly from: RelPath | null;
      readonly replaced: number | null;
      readonly keeps: boolean;
      readonly layer: LayerState | null;
      readonly patch: Patch | null;
      readonly mtimeNs: string | null;
      readonly begun: boolean;
      readonly triedMs: number;
      readonly sinceMs: number;
    };

export function itemOfNode({ ref, id, kind, target, near, far, base, attrs }: WbNode): StateItem {
  return { item: 'node', ref, id, kind, target, near, far, base, attrs };
}

export function itemOfOp(op: Op): StateItem {
  const { seq, kind, to, from, keeps, patch, mtimeNs, begun, triedMs, sinceMs } = op;
  return {
    item: 'op',
    seq,
    ref: op.node.ref,
    kind,
    to,
    from,
    replaced: op.replaced?.ref ?? null,
    keeps,
    layer: op.layer?.state ?? null,
    patch,
    mtimeNs,
    begun,
    triedMs,
    sinceMs,
  };
}

export function newNode(
  of: Pick<WbNode, 'ref' | 'id' | 'kind' | 'target' | 'near' | 'far' | 'base' | 'attrs'>,
): WbNode {
  return {
    ...of,
    attrs: { ...of.attrs },
    layers: [],
    ops: [],
    opsMade: 0,
    handles: 0,
    farFile: null,
    spareFiles: [],
    lentFile: null,
    isPast: false,
    pastBytes: 0,
    turn: Promise.resolve(),
    trouble: null,
  };
}

/** What it holds, as this side shows it. */
export function sizeOf({ kind, target, layers, base }: WbNode): number {
  if (kind === 'symlink') return Buffer.byteLength(target ?? '');
  return layers.at(-1)?.sizeBytes ?? base?.sizeBytes ?? 0;
}

export function treeNodeOf(node: WbNode): TreeNode {
  const { id, kind, target, attrs } = node;
  const sizeBytes = sizeOf(node);
  return {
    id,
    kind,
    sizeBytes,
    allocatedBytes: sizeBytes,
    mode: attrs.mode,
    userId: attrs.userId,
    groupId: attrs.groupId,
    mtimeNs: BigInt(attrs.mtimeNs),
    ctimeNs: BigInt(attrs.ctimeNs),
    linkCount: attrs.linkCount,
    target,
  };
}

export function baseOf({ id, sizeBytes, mtimeNs, ctimeNs }: TreeNode): Base {
  return { id, sizeBytes, mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs) };
}

export function attrsOf({ mode, userId, groupId, mtimeNs, ctimeNs, linkCount }: TreeNode): NearAttrs {
  return { mode, userId, groupId, mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), linkCount };
}

/** Names of folders that something is held for, and how often. */
export class HeldNames {
  readonly #folders = new Map<RelPath, Map<Name, number>>();

  has(path: RelPath): boolean {
    const { parent, name } = splitRel(path);
    return this.#folders.get(parent)?.has(name) ?? false;
  }

  of(folder: RelPath): Iterable<Name> {
    return this.#folders.get(folder)?.keys() ?? [];
  }

  change(path: RelPath | null, by: 1 | -1): void {
    if (path === null) return;
    const { parent, name } = splitRel(path);
    const names = this.#folders.get(parent) ?? new Map<Name, number>();
    const count = (names.get(name) ?? 0) + by;
    if (count > 0) names.set(name, count);
    else names.delete(name);
    if (names.size > 0) this.#folders.set(parent, names);
    else this.#folders.delete(parent);
  }
}
