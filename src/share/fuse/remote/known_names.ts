import { LIMITS } from '../../../base/limits.ts';
import type { Name } from '../../../base/path.ts';
import type { TreeNode } from '../../../tree/files/file_tree.ts';
import { ROOT_ID } from '../protocol.ts';
import type { ToldEntry, ToldNode } from './answer_frames.ts';

/** A name of a folder over there, and what it stands for. */
export interface KnownName {
  readonly id: bigint;
  readonly parent: bigint;
  readonly name: Name;
  /** Believed until then; attributes are those of {@link KnownNames.attrsOf}. */
  untilMs: number;
}

interface KnownNode {
  readonly names: Set<KnownName>;
  readonly children: Map<Name, KnownName>;
  /** How often the other machine has told of it: it keeps it until as many are forgotten. */
  lookups: number;
  /** Open files, which need it without a name. */
  pins: number;
  node: TreeNode | null;
  attrsUntilMs: number;
}

const ROOT = BigInt(ROOT_ID);

/**
 * What this side knows of names and attributes over there, and for how long it may believe them. It takes the part that a
 * kernel's own memory of names has in a mount. Pure but for `forget`, which tells the other machine what is not needed.
 */
export class KnownNames {
  readonly #nodes = new Map<bigint, KnownNode>();
  readonly #forget: (id: bigint, lookups: number) => void;
  #names = 0;

  constructor(forget: (id: bigint, lookups: number) => void) {
    this.#forget = forget;
    this.#nodes.set(ROOT, fresh());
  }

  get size(): number {
    return this.#names;
  }

  /** The name, where it may still be believed. */
  name(parent: bigint, name: Name, nowMs: number): KnownName | null {
    const known = this.#nodes.get(parent)?.children.get(name);
    return known !== undefined && known.untilMs > nowMs ? known : null;
  }

  attrsOf(id: bigint, nowMs: number): TreeNode | null {
    const known = this.#nodes.get(id);
    return known !== undefined && known.attrsUntilMs > nowMs ? known.node : null;
  }

  /** An answer that tells what stands under a name; it counts as a look-up over there. */
  told(parent: bigint, name: Name, { id, nameMs, attrsMs, node }: ToldEntry, nowMs: number): void {
    const known = this.#nodes.get(id) ?? fresh();
    this.#nodes.set(id, known);
    known.lookups += 1;
    this.#put(parent, name, id, nowMs + nameMs);
    this.toldAttrs(id, { node, attrsMs }, nowMs);
    if (this.#names > LIMITS.mountNodesMax.value) this.#shrink();
  }

  toldAttrs(id: bigint, { node, attrsMs }: ToldNode, nowMs: number): void {
    const known = this.#nodes.get(id);
    if (known !== undefined) [known.node, known.attrsUntilMs] = [node, nowMs + attrsMs];
  }

  /** A node that is told of without a name that this side goes by. */
  adopted(id: bigint): void {
    const known = this.#nodes.get(id) ?? fresh();
    this.#nodes.set(id, known);
    known.lookups += 1;
    this.#letGo(id);
  }

  doubtAttrs(id: bigint): void {
    const known = this.#nodes.get(id);
    if (known !== undefined) known.attrsUntilMs = 0;
  }

  doubtName(parent: bigint, name: string): void {
    const known = this.#nodes.get(parent)?.children.get(name as Name);
    if (known !== undefined) known.untilMs = 0;
  }

  /** Nothing is believed any more. */
  doubtAll(): void {
    for (const known of this.#nodes.values()) {
      known.attrsUntilMs = 0;
      for (const child of known.children.values()) child.untilMs = 0;
    }
  }

  /** The server is another one: its ids mean nothing to the one that is there now. */
  clear(): void {
    this.#nodes.clear();
    this.#nodes.set(ROOT, fresh());
    this.#names = 0;
  }

  dropName(parent: bigint, name: Name): void {
    const known = this.#nodes.get(parent)?.children.get(name);
    if (known !== undefined) this.#drop(known);
  }

  /** This side has renamed it over there. */
  moved(parent: bigint, name: Name, to: bigint, toName: Name): void {
    const known = this.#nodes.get(parent)?.children.get(name);
    this.dropName(to, toName);
    if (known === undefined) return;
    const { id, untilMs } = known;
    this.pin(id);
    this.#drop(known);
    this.#put(to, toName, id, untilMs);
    this.unpin(id);
  }

  pin(id: bigint): void {
    const known = this.#nodes.get(id);
    if (known !== undefined) known.pins += 1;
  }

  unpin(id: bigint): void {
    const known = this.#nodes.get(id);
    if (known === undefined) return;
    known.pins -= 1;
    this.#letGo(id);
  }

  /** Names by which the node is known here, as places below the root; none for the root itself. */
  pathsOf(id: bigint): string[] {
    const paths: string[] = [];
    for (const { parent, name } of this.#nodes.get(id)?.names ?? []) {
      const above = this.folderPath(parent);
      if (above !== null) paths.push(above === '' ? name : `${above}/${name}`);
    }
    return paths;
  }

  /** Null where it is not known where the folder is. */
  folderPath(id: bigint): string | null {
    const names: string[] = [];
    for (let at = id; at !== ROOT; ) {
      const [first] = this.#nodes.get(at)?.names ?? [];
      if (first === undefined || names.length > LIMITS.pathMaxBytes.value) return null;
      names.unshift(first.name);
      at = first.parent;
    }
    return names.join('/');
  }

  #put(parent: bigint, name: Name, id: bigint, untilMs: number): void {
    const folder = this.#nodes.get(parent);
    if (folder === undefined) return this.#letGo(id);
    const before = folder.children.get(name);
    if (before?.id === id) {
      before.untilMs = untilMs;
      return;
    }
    if (before !== undefined) this.#drop(before);
    const known: KnownName = { id, parent, name, untilMs };
    folder.children.set(name, known);
    this.#nodes.get(id)?.names.add(known);
    this.#names += 1;
  }

  #drop(known: KnownName): void {
    this.#nodes.get(known.parent)?.children.delete(known.name);
    this.#names -= 1;
    this.#nodes.get(known.id)?.names.delete(known);
    this.#letGo(known.id);
  }

  /** Nobody here needs it: the other machine may forget it. */
  #letGo(id: bigint): void {
    const known = this.#nodes.get(id);
    if (known === undefined || id === ROOT || known.pins > 0 || known.names.size > 0) return;
    for (const child of [...known.children.values()]) this.#drop(child);
    this.#nodes.delete(id);
    this.#forget(id, known.lookups);
  }

  /** The names that were told of first go, those of files before folders with anything in them. */
  #shrink(): void {
    const wanted = Math.floor(LIMITS.mountNodesMax.value * 0.9);
    for (const { children, pins, names } of [...this.#nodes.values()]) {
      if (this.#names <= wanted) return;
      if (children.size > 0 || pins > 0) continue;
      for (const name of [...names]) this.#drop(name);
    }
  }
}

function fresh(): KnownNode {
  return { names: new Set(), children: new Map(), lookups: 0, pins: 0, node: null, attrsUntilMs: 0 };
}
