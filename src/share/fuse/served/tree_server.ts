import { LIMITS } from '../../../base/limits.ts';
import type { RelPath } from '../../../base/path.ts';
import type { FileTree, TreeNode } from '../../../tree/files/file_tree.ts';
import type { Clock } from '../../../world/clock.ts';
import type { Owner } from '../../../world/mounts.ts';
import { errnoOf, Refusal } from '../errnos.ts';
import {
  ERRNO,
  IN_HEADER_BYTES,
  KIND_FILE,
  KIND_MASK,
  OP,
  OUT_HEADER_BYTES,
  ROOT_ID,
  SET,
} from '../protocol.ts';
import { attrBody, entryBody, openBody, spaceBody } from './tree_answers.ts';
import { TreeXattrs } from './tree_attributes.ts';
import { TreeFiles } from './tree_files.ts';
import { TreeFolders } from './tree_folders.ts';
import { below, type ServedNode, TreeNodes } from './tree_nodes.ts';
import { TreeRequest } from './tree_request.ts';

const SET_IDS = 0o6000;
const NO_REPLACE = 1;
const NS_PER_MS = 1_000_000n;
const EMPTY = new Uint8Array(0);

/** A tree that a kernel is to be shown, and what holds for all of it. */
export interface ServedTree {
  readonly tree: FileTree;
  /** Makes all that was done durable as far as this tree promises it. */
  readonly sync: () => Promise<void>;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Whom everything belongs to. */
  readonly owner: Owner;
  readonly readOnly: boolean;
  /** How long the kernel believes names and attributes. */
  readonly cacheMs: number;
}

/** An answer's body; null: there is none. A failure is answered with the number of its code. */
type Serve = (request: TreeRequest) => Promise<Uint8Array> | Uint8Array;

/**
 * Answers the requests of this machine's kernel from a tree. Requests wait for the tree side by side; those that depend on each
 * other the kernel makes one after the other. Hard links and attributes of programs where the tree has them; no holes, devices
 * and setuid. Locks are the kernel's own: they hold among programs of this mount.
 */
export class TreeServer {
  readonly xattrs: TreeXattrs;
  readonly #served: ServedTree;
  readonly #nodes = new TreeNodes();
  readonly #files: TreeFiles;
  readonly #folders: TreeFolders;
  readonly #answer: (bytes: Uint8Array) => void;
  readonly #operations: ReadonlyMap<number, Serve>;
  #waiting = 0;

  /** `answer` takes whole answers. */
  constructor(served: ServedTree, answer: (bytes: Uint8Array) => void) {
    this.#served = served;
    this.#answer = answer;
    this.#files = new TreeFiles();
    this.#folders = new TreeFolders(served.tree, this.#nodes, served.cacheMs);
    this.xattrs = new TreeXattrs(served.tree.caps.unix?.attributes ?? null, (request) =>
      this.#pathOf(request),
    );
    this.#operations = this.#table();
  }

  /** Requests that have no answer yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes one request, whose memory is the server's. */
  take(bytes: Uint8Array): void {
    if (bytes.byteLength < IN_HEADER_BYTES) return;
    const request = new TreeRequest(bytes);
    const { opcode } = request;
    if (opcode === OP.forget) this.#nodes.forgot(request.nodeId, request.id(0));
    else if (opcode === OP.batchForget) this.#forgetAll(request);
    else if (opcode !== OP.interrupt) void this.#serve(request);
  }

  /** The number by which the kernel knows what stands there; null where it does not. */
  knownAt(path: RelPath): number | null {
    return this.#nodes.at(path)?.id ?? null;
  }

  /** What programs have open is closed. */
  async close(): Promise<void> {
    await this.#files.close();
  }

  async #serve(request: TreeRequest): Promise<void> {
    this.#waiting += 1;
    try {
      const operation = this.#operations.get(request.opcode);
      if (operation === undefined) throw new Refusal(ERRNO.ENOSYS);
      this.#send(request.unique, 0, await operation(request));
    } catch (failure) {
      this.#send(request.unique, errnoOf(failure), EMPTY);
    } finally {
      this.#waiting -= 1;
    }
  }

  #send(unique: bigint, errno: number, body: Uint8Array): void {
    const answer = new Uint8Array(OUT_HEADER_BYTES + body.byteLength);
    const view = new DataView(answer.buffer);
    view.setUint32(0, answer.byteLength, true);
    view.setInt32(4, -errno, true);
    view.setBigUint64(8, unique, true);
    answer.set(body, OUT_HEADER_BYTES);
    this.#answer(answer);
  }

  #forgetAll(request: TreeRequest): void {
    const count = request.u32(0);
    for (let one = 0, at = 8; one < count && at + 16 <= request.body.byteLength; one += 1, at += 16)
      this.#nodes.forgot(request.id(at), request.id(at + 8));
  }

  #table(): ReadonlyMap<number, Serve> {
    const changing = (serve: Serve): Serve => {
      if (!this.#served.readOnly) return serve;
      return () => {
        throw new Refusal(ERRNO.EROFS);
      };
    };
    const refuse = (errno: number): Serve => {
      return () => {
        throw new Refusal(errno);
      };
    };
    const files = this.#files;
    return new Map<number, Serve>([
      [OP.lookup, (request) => this.#lookup(request)],
      [OP.getattr, (request) => this.#getattr(request)],
      [OP.setattr, changing((request) => this.#setattr(request))],
      [OP.readlink, (request) => this.#readlink(request)],
      [OP.statfs, () => this.#statfs()],
      [OP.symlink, changing((request) => this.#symlink(request))],
      [OP.mknod, changing((request) => this.#mknod(request))],
      [OP.mkdir, changing((request) => this.#mkdir(request))],
      [OP.unlink, changing((request) => this.#remove(request, false))],
      [OP.rmdir, changing((request) => this.#remove(request, true))],
      [OP.rename, changing((request) => this.#rename(request, 8, 0))],
      [OP.rename2, changing((request) => this.#rename(request, 16, request.u32(8)))],
      [OP.link, changing((request) => this.#link(request))],
      [OP.getxattr, (request) => this.xattrs.get(request)],
      [OP.listxattr, (request) => this.xattrs.list(request)],
      [OP.setxattr, changing((request) => this.xattrs.set(request))],
      [OP.removexattr, changing((request) => this.xattrs.remove(request))],
      [OP.create, changing((request) => this.#create(request))],
      [OP.open, (request) => this.#open(request)],
      [OP.read, (request) => files.read(request)],
      [OP.write, changing((request) => files.write(request))],
      [OP.flush, (request) => files.flush(request)],
      [OP.fsync, (request) => files.sync(request)],
      [OP.release, (request) => files.release(request)],
      [OP.opendir, (request) => this.#folders.open(this.#node(request))],
      [OP.readdir, (request) => this.#folders.list(request, false)],
      [OP.readdirplus, (request) => this.#folders.list(request, true)],
      [OP.releasedir, (request) => this.#folders.release(request)],
      [OP.fsyncdir, () => this.#served.sync().then(() => EMPTY)],
      [OP.ioctl, refuse(ERRNO.ENOTTY)],
      [OP.destroy, () => EMPTY],
    ]);
  }

  #node({ nodeId }: TreeRequest): ServedNode {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) throw new Refusal(ERRNO.ESTALE);
    return node;
  }

  #pathOf(request: TreeRequest): RelPath {
    const { path } = this.#node(request);
    if (path === null) throw new Refusal(ERRNO.ESTALE);
    return path;
  }

  /** The name at `at` of the body, in the folder that the request is about. */
  #placeIn(request: TreeRequest, at: number): RelPath {
    return below(this.#pathOf(request), request.name(at));
  }

  #entry(path: RelPath, node: TreeNode): Uint8Array {
    const { id } = this.#nodes.told(path, node);
    return entryBody({ id, node, cacheMs: this.#served.cacheMs });
  }

  async #lookup(request: TreeRequest): Promise<Uint8Array> {
    const path = this.#placeIn(request, 0);
    return this.#entry(path, await this.#served.tree.lookup(path));
  }

  async #getattr(request: TreeRequest): Promise<Uint8Array> {
    return this.#attrsOf(this.#node(request));
  }

  async #attrsOf(served: ServedNode): Promise<Uint8Array> {
    const node = await this.#look(served);
    return attrBody({ id: served.id, node, cacheMs: this.#served.cacheMs });
  }

  /** By its name; a file that has lost it, by whoever has it open. */
  async #look(served: ServedNode): Promise<TreeNode> {
    const { id, identity, path } = served;
    const open = this.#files.openOf(id);
    try {
      if (path === null) throw new Refusal(ERRNO.ESTALE);
      const node = await this.#served.tree.lookup(path);
      if (id === ROOT_ID || node.id === identity) return node;
      throw new Refusal(ERRNO.ESTALE);
    } catch (failure) {
      if (open === null) throw failure;
      return open.node();
    }
  }

  async #setattr(request: TreeRequest): Promise<Uint8Array> {
    const served = this.#node(request);
    const valid = request.u32(0);
    const { owner, tree } = this.#served;
    const isOther = (bit: number, at: number, own: number) => (valid & bit) !== 0 && request.u32(at) !== own;
    if (isOther(SET.userId, 76, owner.userId) || isOther(SET.groupId, 80, owner.groupId))
      throw new Refusal(ERRNO.EPERM);
    const mode = (valid & SET.mode) === 0 ? null : request.u32(68) & 0o7777;
    if (mode !== null && (mode & SET_IDS) !== 0) throw new Refusal(ERRNO.EPERM);
    if ((valid & SET.size) !== 0) await this.#truncate(request, served, Number(request.i64(16)));
    const mtimeNs = this.#mtimeOf(request, valid);
    const patch = { ...(mode === null ? {} : { mode }), ...(mtimeNs === null ? {} : { mtimeNs }) };
    const { path } = served;
    if (path !== null && Object.keys(patch).length > 0) await tree.setAttrs(path, patch);
    return this.#attrsOf(served);
  }

  #mtimeOf(request: TreeRequest, valid: number): bigint | null {
    if ((valid & SET.mtime) === 0) return null;
    if ((valid & SET.mtimeNow) !== 0) return BigInt(Math.floor(this.#served.clock.wallMs())) * NS_PER_MS;
    return request.i64(40) * 1_000_000_000n + BigInt(request.u32(60));
  }

  async #truncate(request: TreeRequest, served: ServedNode, sizeBytes: number): Promise<void> {
    const handle = (request.u32(0) & SET.handle) === 0 ? null : request.id(8);
    const open = this.#files.writerOf(served.id, handle);
    if (open !== null) return open.truncate(sizeBytes);
    if (served.path === null) throw new Refusal(ERRNO.ESTALE);
    await using file = await this.#served.tree.open(served.path, 'write');
    await file.truncate(sizeBytes);
  }

  async #readlink(request: TreeRequest): Promise<Uint8Array> {
    const { target } = await this.#served.tree.lookup(this.#pathOf(request));
    if (target === null) throw new Refusal(ERRNO.EINVAL);
    return new Uint8Array(Buffer.from(target));
  }

  async #statfs(): Promise<Uint8Array> {
    const space = await this.#served.tree.caps.space?.();
    return spaceBody(space ?? { freeBytes: 0, totalBytes: 0 });
  }

  async #symlink(request: TreeRequest): Promise<Uint8Array> {
    const path = this.#placeIn(request, 0);
    const target = request.text(request.behind(0));
    return this.#entry(path, await this.#served.tree.create(path, { kind: 'symlink', target }));
  }

  async #link(request: TreeRequest): Promise<Uint8Array> {
    const { unix } = this.#served.tree.caps;
    if (unix === undefined) throw new Refusal(ERRNO.EPERM);
    const from = this.#nodes.get(request.id(0))?.path ?? null;
    if (from === null) throw new Refusal(ERRNO.ESTALE);
    const path = this.#placeIn(request, 8);
    return this.#entry(path, await unix.link(from, path));
  }

  async #mkdir(request: TreeRequest): Promise<Uint8Array> {
    const path = this.#placeIn(request, 8);
    const mode = request.u32(0) & ~request.u32(4) & 0o1777;
    return this.#entry(path, await this.#served.tree.create(path, { kind: 'directory', mode }));
  }

  /** A file without anybody who has it open; nothing else is in a tree. */
  async #mknod(request: TreeRequest): Promise<Uint8Array> {
    if ((request.u32(0) & KIND_MASK) !== KIND_FILE) throw new Refusal(ERRNO.EPERM);
    const path = this.#placeIn(request, 16);
    await using file = await this.#make(path, request.u32(0) & ~request.u32(8));
    return this.#entry(path, await file.node());
  }

  async #make(path: RelPath, mode: number) {
    const { tree } = this.#served;
    const file = await tree.open(path, 'create');
    const wanted = mode & 0o1777;
    try {
      if ((await file.node()).mode !== wanted) await tree.setAttrs(path, { mode: wanted });
      return file;
    } catch (failure) {
      await file.close();
      throw failure;
    }
  }

  async #create(request: TreeRequest): Promise<Uint8Array> {
    const path = this.#placeIn(request, 16);
    this.#checkOpen();
    let file: Awaited<ReturnType<FileTree['open']>>;
    try {
      file = await this.#make(path, request.u32(4) & ~request.u32(8));
    } catch (failure) {
      const isThere = errnoOf(failure) === ERRNO.EEXIST && (request.u32(0) & 0o200) === 0;
      throw isThere ? new Refusal(ERRNO.ESTALE) : failure; // the kernel looks again, and opens what came meanwhile
    }
    const node = await file.node();
    const { id } = this.#nodes.told(path, node);
    const opened = openBody(this.#files.add(id, file, request.u32(0)));
    const body = entryBody({ id, node, cacheMs: this.#served.cacheMs }, opened.byteLength);
    body.set(opened, body.byteLength - opened.byteLength);
    return body;
  }

  async #open(request: TreeRequest): Promise<Uint8Array> {
    const served = this.#node(request);
    const flags = request.u32(0);
    const writes = (flags & 0o3) !== 0;
    if (writes && this.#served.readOnly) throw new Refusal(ERRNO.EROFS);
    this.#checkOpen();
    if (served.path === null) throw new Refusal(ERRNO.ESTALE);
    const file = await this.#served.tree.open(served.path, writes ? 'write' : 'read');
    if ((await file.node()).id !== served.identity) {
      await file.close();
      throw new Refusal(ERRNO.ESTALE);
    }
    return openBody(this.#files.add(served.id, file, flags));
  }

  #checkOpen(): void {
    if (this.#files.size >= LIMITS.mountFarFilesMax.value) throw new Refusal(ERRNO.ENFILE);
  }

  async #remove(request: TreeRequest, isFolder: boolean): Promise<Uint8Array> {
    const path = this.#placeIn(request, 0);
    const { tree } = this.#served;
    const { kind } = await tree.lookup(path);
    if ((kind === 'directory') !== isFolder) throw new Refusal(isFolder ? ERRNO.ENOTDIR : ERRNO.EISDIR);
    await tree.remove(path);
    this.#nodes.removed(path);
    return EMPTY;
  }

  async #rename(request: TreeRequest, headBytes: number, flags: number): Promise<Uint8Array> {
    if ((flags & ~NO_REPLACE) !== 0) throw new Refusal(ERRNO.EINVAL);
    const toFolder = this.#nodes.get(request.id(0))?.path ?? null;
    if (toFolder === null) throw new Refusal(ERRNO.ESTALE);
    const from = this.#placeIn(request, headBytes);
    const to = below(toFolder, request.name(request.behind(headBytes)));
    await this.#served.tree.rename(from, to, { replace: (flags & NO_REPLACE) === 0 });
    this.#nodes.moved(from, to);
    return EMPTY;
  }
}
