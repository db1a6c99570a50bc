import { LIMITS } from '../../base/limits.ts';
import type { Posix } from '../../world/posix.ts';
import type { Statx } from './attributes.ts';
import { ERRNO, KIND_FOLDER, KIND_MASK, O_PATH, ROOT_ID } from './protocol.ts';

/** Nodes that are looked at, to be let go, for each new one. */
const THINNED = 2;

/** What the kernel knows by an id. */
export class FuseNode {
  readonly id: number;
  readonly key: number | string;
  readonly birth: number;
  /** With the kind of the node. */
  readonly kind: number;
  /** The name it was seen under last, bytes as Latin-1; null of the root, and once that name is gone. */
  name: string | null;
  parent: FuseNode | null;
  /** How often the kernel was told of it, less what it has forgotten. */
  lookups = 0;
  /** Of a folder, to reach names below it; -1 where none is open. */
  pathFd = -1;
  /** Descriptors that openers have: they lead to the node when its name does not. */
  readonly openFds: number[] = [];
  /** Of a folder: what is known under its names. */
  children: Map<string, FuseNode> | null = null;
  /** Of a folder, where changes are watched for; 0 before it was tried, negative where that is not possible. */
  watch = 0;
  /** How often names of the folder were changed by others. */
  changes = 0;
  /** When the kernel was last told all entries of the folder with their attributes, and after how many changes. */
  listed: { readonly atMs: number; readonly changes: number } | null = null;
  /** When the kernel last changed it itself. */
  ownMs = Number.NEGATIVE_INFINITY;
  /** Shared by all openers of a file whose bytes the kernel moves by itself. */
  backing: { readonly id: number; users: number } | null = null;
  /** Whose file it is for the quota; null before somebody asked. */
  quotaOwner: number | null = null;
  /** Of a file that was removed here while it is open: bytes that are charged for it still. */
  heldBytes: number | null = null;
  /** Of a lease that was taken away since its holder did not answer: writes that carry this epoch or a lower one are refused. */
  fencedEpoch = 0;

  constructor(id: number, key: number | string, birth: number, kind: number) {
    this.id = id;
    this.key = key;
    this.birth = birth;
    this.kind = kind;
    this.name = null;
    this.parent = null;
  }

  get isFolder(): boolean {
    return this.kind === KIND_FOLDER;
  }
}

export interface NodesBound {
  readonly max: number;
  /** More are refused: whoever asks does not forget. */
  readonly hardMax: number;
  /** Of the first node after the root. */
  readonly firstId: number;
  /** Asks the kernel to let go of a file, where it holds more. */
  readonly forgetName: (parentId: number, name: string) => void;
  /** Is told of each folder before the first look into it, and when it is known no more. Null: nobody wants to know. */
  readonly watcher: { reached(folder: FuseNode, fd: number): void; left(folder: FuseNode): void } | null;
}

/**
 * The nodes that the kernel holds, and the way to each: through open folders, name by name, each checked to be the node
 * that is meant. Few descriptors are kept, whatever the number of nodes.
 */
export class FuseNodes {
  readonly root: FuseNode;
  readonly rootDevice: number;
  readonly #posix: Posix;
  readonly #statx: Statx;
  /** Where names are put for calls. */
  readonly #nameAt: number;
  readonly #byId = new Map<number, FuseNode>();
  readonly #byKey = new Map<number | string, FuseNode>();
  /** Folders with a descriptor, oldest first. */
  readonly #open = new Set<FuseNode>();
  readonly #bound: NodesBound;
  #pinned: FuseNode | null = null;
  #nextId: number;

  /** `rootFd` is owned. */
  constructor(posix: Posix, statx: Statx, nameAt: number, rootFd: number, bound: NodesBound) {
    this.#bound = bound;
    this.#nextId = bound.firstId;
    this.#posix = posix;
    this.#statx = statx;
    this.#nameAt = nameAt;
    posix.attrs.stat(rootFd, posix.memory.emptyNameAt, statx.at);
    this.rootDevice = statx.device;
    this.root = new FuseNode(ROOT_ID, statx.key(this.rootDevice), statx.birth, KIND_FOLDER);
    this.root.pathFd = rootFd;
    this.root.lookups = 1;
    this.#byId.set(ROOT_ID, this.root);
    this.#byKey.set(this.root.key, this.root);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Of all nodes. */
  ids(): number[] {
    return [...this.#byId.keys()];
  }

  get(id: number): FuseNode | undefined {
    return this.#byId.get(id);
  }

  /** The node of what the last look found under a name; it counts as told to the kernel. Null where there are too many. */
  remember(parent: FuseNode, name: string): FuseNode | null {
    const key = this.#statx.key(this.rootDevice);
    const kind = this.#statx.mode & KIND_MASK;
    const birth = this.#statx.birth;
    let node = this.#byKey.get(key);
    // a file system gives the number of what is gone to what is new
    if (node === undefined || node.birth !== birth || node.kind !== kind) {
      if (this.#byId.size >= this.#bound.hardMax) return null;
      node = new FuseNode(this.#nextId, key, birth, kind);
      this.#nextId += 1;
      this.#byKey.set(key, node);
      this.#byId.set(node.id, node);
      if (this.#byId.size > this.#bound.max) this.#thin();
    }
    node.lookups += 1;
    if (node !== this.root && (node.parent !== parent || node.name !== name)) place(node, parent, name);
    return node;
  }

  forget(id: number, count: number): void {
    const node = this.#byId.get(id);
    if (node === undefined || node === this.root) return;
    node.lookups -= count;
    if (node.lookups > 0) return;
    this.#byId.delete(id);
    if (this.#byKey.get(node.key) === node) this.#byKey.delete(node.key);
    if (node.parent?.children?.get(node.name ?? '') === node) node.parent.children.delete(node.name ?? '');
    if (node.watch > 0) this.#bound.watcher?.left(node);
    this.#close(node);
  }

  /** A descriptor by which names below a folder are reached, kept until it is needed for another one; or an error. */
  folderFd(node: FuseNode): number {
    if (node.pathFd < 0) {
      if (!node.isFolder) return -ERRNO.ENOTDIR;
      const fd = this.#openByName(node);
      if (fd < 0) return fd;
      node.pathFd = fd;
      this.#open.add(node);
      this.#closeOldest(node);
    }
    if (node.watch === 0) this.#bound.watcher?.reached(node, node.pathFd);
    return node.pathFd;
  }

  /** Two folders at once. */
  folderFds(first: FuseNode, second: FuseNode): readonly [number, number] {
    const firstFd = this.folderFd(first);
    if (firstFd < 0) return [firstFd, firstFd];
    return [firstFd, this.pinning(first, () => this.folderFd(second))];
  }

  /** Keeps the descriptor of a folder during a call. */
  pinning<T>(folder: FuseNode, call: () => T): T {
    this.#pinned = folder;
    try {
      return call();
    } finally {
      this.#pinned = null;
    }
  }

  /** A descriptor that stands for the node, to be given back; or an error. */
  borrow(node: FuseNode): number {
    if (node.pathFd >= 0) return node.pathFd;
    const [openFd] = node.openFds;
    if (openFd !== undefined) return openFd;
    return node.isFolder ? this.folderFd(node) : this.#openByName(node);
  }

  giveBack(node: FuseNode, fd: number): void {
    if (fd !== node.pathFd && !node.openFds.includes(fd)) this.#posix.data.close(fd);
  }

  /** Looks at the node: 0, or an error. */
  stat(node: FuseNode): number {
    const { attrs, memory } = this.#posix;
    const fd = node.openFds[0] ?? (node.pathFd >= 0 ? node.pathFd : -1);
    if (fd >= 0) return attrs.stat(fd, memory.emptyNameAt, this.#statx.at);
    const { parent, name } = node;
    if (parent === null || name === null) return -ERRNO.ESTALE;
    const parentFd = this.folderFd(parent);
    if (parentFd < 0) return parentFd;
    const result = attrs.stat(parentFd, this.putName(name), this.#statx.at);
    if (result === 0) return this.isSeen(node) ? 0 : -ERRNO.ESTALE;
    return result === -ERRNO.ENOENT || result === -ERRNO.ENOTDIR ? -ERRNO.ESTALE : result;
  }

  /** The node that the last look saw, where the kernel knows it. */
  seen(): FuseNode | undefined {
    const node = this.#byKey.get(this.#statx.key(this.rootDevice));
    return node !== undefined && this.isSeen(node) ? node : undefined;
  }

  /** Whether the last look saw that very node. */
  isSeen(node: FuseNode): boolean {
    return this.#statx.key(this.rootDevice) === node.key && this.#statx.birth === node.birth;
  }

  /** The place of a name for a call. */
  putName(name: string): number {
    const { bytes } = this.#posix.memory;
    const end = bytes.write(name, this.#nameAt, 'latin1');
    bytes[this.#nameAt + end] = 0;
    return this.#nameAt;
  }

  /** The same for bytes that lie elsewhere. */
  putBytes(from: Buffer, start: number, end: number): number {
    const { bytes } = this.#posix.memory;
    const at = this.#nameAt - start;
    for (let place = start; place < end; place += 1) bytes[at + place] = from[place] ?? 0;
    bytes[at + end] = 0;
    return this.#nameAt;
  }

  /** A name in `parent` is gone, or another node's. */
  loseName(parent: FuseNode, key: number | string | null, name: string): void {
    const node = key === null ? undefined : this.#byKey.get(key);
    if (node !== undefined && node.parent === parent && node.name === name) place(node, parent, null);
  }

  /** A node has got another name. */
  moved(key: number | string, parent: FuseNode, name: string): void {
    const node = this.#byKey.get(key);
    if (node !== undefined && node !== this.root) place(node, parent, name);
  }

  /** The node that stands under a name now, where it is known; null otherwise. */
  findAt(folder: FuseNode, name: string): FuseNode | null {
    const folderFd = this.folderFd(folder);
    if (folderFd < 0 || this.#posix.attrs.stat(folderFd, this.putName(name), this.#statx.at) < 0) return null;
    const node = this.#byKey.get(this.#statx.key(this.rootDevice));
    return node !== undefined && this.isSeen(node) ? node : null;
  }

  close(): void {
    for (const node of this.#open) this.#posix.data.close(node.pathFd);
    this.#open.clear();
    this.#posix.data.close(this.root.pathFd);
    this.#byId.clear();
    this.#byKey.clear();
  }

  /** Twice as many are let go as come, so that a tree of any size takes a bounded memory. */
  #thin(): void {
    for (let looked = 0; looked < THINNED; looked += 1) {
      const [oldest] = this.#byId.values();
      if (oldest === undefined) return;
      this.#byId.delete(oldest.id);
      this.#byId.set(oldest.id, oldest);
      const { parent, name } = oldest;
      // a folder may be somebody's working folder, whose path would be lost
      if (parent === null || name === null || oldest.isFolder || oldest.openFds.length > 0) continue;
      this.#bound.forgetName(parent.id, name);
    }
  }

  #openByName(node: FuseNode): number {
    const { names, attrs, data, memory } = this.#posix;
    const { parent, name } = node;
    if (parent === null || name === null) return -ERRNO.ESTALE;
    const parentFd = this.folderFd(parent);
    if (parentFd < 0) return parentFd;
    const fd = names.open(parentFd, this.putName(name), O_PATH, 0);
    if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return -ERRNO.ESTALE;
    if (fd < 0) return fd;
    const result = attrs.stat(fd, memory.emptyNameAt, this.#statx.at);
    if (result === 0 && this.isSeen(node)) return fd;
    data.close(fd);
    return result === 0 ? -ERRNO.ESTALE : result;
  }

  #closeOldest(kept: FuseNode): void {
    if (this.#open.size <= LIMITS.mountFoldersOpenMax.value) return;
    for (const node of this.#open) {
      if (node === kept || node === this.#pinned) continue;
      this.#close(node);
      return;
    }
  }

  #close(node: FuseNode): void {
    if (node.pathFd < 0) return;
    this.#posix.data.close(node.pathFd);
    node.pathFd = -1;
    this.#open.delete(node);
  }
}

/** Gives a node its name, or takes it away. */
function place(node: FuseNode, parent: FuseNode, name: string | null): void {
  const before = node.name;
  const siblings = node.parent?.children;
  if (before !== null && siblings?.get(before) === node) siblings.delete(before);
  node.parent = parent;
  node.name = name;
  if (name === null) return;
  parent.children ??= new Map();
  parent.children.set(name, node);
}
