import { fromUtf8, toHex } from '../../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../../base/errors.ts';
import { joinRel, type Name, parseName, type RelPath, splitRel } from '../../../base/path.ts';
import type {
  FileTree,
  NewNode,
  TreeCaps,
  TreeEntry,
  TreeFile,
  TreeNode,
  TreeOpenMode,
} from '../../../tree/files/file_tree.ts';
import { checkedNames, isPrivateName, checkedPlace as placeOf } from '../../../tree/files/names.ts';
import type { AttrPatch } from '../../../world/disk.ts';
import { FarFailure } from '../errnos.ts';
import { NOTICE } from '../notices.ts';
import { ENTRY_BYTES, O_CREAT, O_EXCL, OP, OUT_HEADER_BYTES, ROOT_ID } from '../protocol.ts';
import { attrsIn, entryOf, handleIn, listedIn, spaceIn } from './answer_frames.ts';
import { FarCalls } from './far_calls.ts';
import { FarFolders } from './far_folders.ts';
import { KnownNames } from './known_names.ts';
import { attributesOf } from './remote_attributes.ts';
import { isAwayNow, wrongKind } from './remote_failures.ts';
import { type FarHandle, RemoteFile } from './remote_file.ts';
import type { RemoteTreePorts } from './remote_ports.ts';
import {
  createBody,
  forgetBody,
  getattrBody,
  linkBody,
  mkdirBody,
  openBody,
  readBody,
  renameBody,
  setattrBody,
  texts,
} from './request_frames.ts';

const O_RDWR = 2;
const NO_REPLACE = 1;
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
const TAG = /^[0-9a-f]{8}$/;
const STAGE_ID_BYTES = 6;
const LIST_BYTES = 64 * 1024;
const ROOT = BigInt(ROOT_ID);
/** Before all times until which anything is believed. */
const EVER = Number.NEGATIVE_INFINITY;

/** A node over there that a path led to. */
interface Found {
  readonly id: bigint;
  readonly node: TreeNode;
}

/**
 * A folder of another machine as a tree, by the requests that a kernel's mount of it makes ({@link FarCalls}). What it is told
 * of names and attributes it believes as long as it may, and notices of changes end that. A change of names is durable when it
 * resolves. A file that replaces another one is written beside it, under a name that no list shows.
 */
export class RemoteTree implements FileTree {
  readonly caps: TreeCaps;
  readonly calls: FarCalls;
  readonly #ports: RemoteTreePorts;
  readonly #known: KnownNames;
  readonly #folders: FarFolders;
  readonly #stage: RegExp;
  readonly #open = new Set<RemoteFile>();
  /** Names of files of this process that are not whole yet. */
  readonly #stages = new Set<string>();
  #generation = 0;

  constructor(ports: RemoteTreePorts) {
    if (!TAG.test(ports.tag)) throw new CausewayError('CW_INTERNAL', 'a tag has eight hexadecimal digits');
    this.#ports = ports;
    this.calls = new FarCalls({ clock: ports.clock, onNotice: (bytes) => this.#noticed(bytes) });
    this.#known = new KnownNames((id, lookups) => this.calls.tell(OP.forget, id, forgetBody(lookups)));
    this.#folders = new FarFolders(this.calls);
    this.#stage = /^\.causeway-wb-[0-9a-f]{20}$/;
    this.caps = {
      readOnly: false,
      lastingIds: true,
      values: null,
      folder: null,
      unix: {
        link: (from, to) => this.#link(from, to),
        attributes: attributesOf({
          calls: this.calls,
          with: (path, use) => this.#again(path, async () => use((await this.#find(path, false)).id)),
          changed: (id) => this.#known.doubtAttrs(id),
        }),
      },
      space: async () => spaceIn(await this.calls.call(OP.statfs, ROOT)),
    };
  }

  /** The same tree whose look-ups ask the other machine each time: for who is to notice what others have changed. */
  get asking(): FileTree {
    const plain: FileTree = {
      caps: this.caps,
      lookup: (path) => this.#lookup(path, true),
      list: (path) => this.list(path),
      open: (path, mode) => this.open(path, mode),
      create: (path, what) => this.create(path, what),
      setAttrs: (path, patch) => this.setAttrs(path, patch),
      rename: (from, to, options) => this.rename(from, to, options),
      remove: (path) => this.remove(path),
    };
    return plain;
  }

  lookup(path: RelPath): Promise<TreeNode> {
    return this.#lookup(path, false);
  }

  async *list(path: RelPath): AsyncIterable<readonly TreeEntry[]> {
    const { id, node } = await this.#find(path, false);
    if (node.kind !== 'directory') throw wrongKind(node, path);
    const handle = handleIn(await this.calls.call(OP.opendir, id, openBody(0)));
    const { generation } = this.calls;
    try {
      for (let offset = 0n; ; ) {
        const body = await this.calls.call(OP.readdirplus, id, readBody(handle, offset, LIST_BYTES));
        if (body.byteLength === 0) return;
        const { entries, next } = listedIn(body);
        const page: TreeEntry[] = [];
        for (const { name, entry } of entries) {
          if (entry === null) continue;
          if (name === null || this.#isHidden(name)) this.#known.adopted(entry.id);
          else {
            this.#known.told(id, parseName(name), entry, this.#nowMs());
            page.push({ name: parseName(name), node: entry.node });
          }
        }
        offset = next;
        yield page;
      }
    } finally {
      if (generation === this.calls.generation) this.#folders.release(id, handle);
    }
  }

  async open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile> {
    const { name } = placeOf(path);
    if (mode === 'replace') return this.#openReplacement(path);
    if (mode === 'create') {
      const parent = await this.#folder(splitRel(path).parent);
      const file = await this.#made(parent, name, FILE_MODE, path);
      await this.#folders.sync(parent);
      return file;
    }
    return this.#again(path, async () => {
      const { id, node } = await this.#find(path, false);
      if (node.kind !== 'file') throw wrongKind(node, path);
      const at = await this.#handle(id, mode === 'write');
      return this.#opened(at, { path, known: node.id, isWritable: mode === 'write' });
    });
  }

  async create(path: RelPath, what: NewNode): Promise<TreeNode> {
    const { name } = placeOf(path);
    return this.#again(path, async () => {
      const parent = await this.#folder(splitRel(path).parent);
      await this.#folders.ready(parent);
      const [opcode, body] =
        what.kind === 'directory'
          ? [OP.mkdir, [mkdirBody(what.mode ?? FOLDER_MODE), texts(name)]]
          : [OP.symlink, [texts(name, what.target)]];
      const [answer] = await Promise.all([
        this.calls.call(opcode, parent, ...body),
        this.#folders.sync(parent),
      ]);
      const entry = entryOf(answer);
      this.#known.told(parent, name, entry, this.#nowMs());
      this.#known.doubtAttrs(parent);
      return { ...entry.node, target: what.kind === 'symlink' ? what.target : null };
    });
  }

  async setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode> {
    placeOf(path);
    return this.#again(path, async () => {
      const { id, node } = await this.#find(path, false);
      const { mode, ...others } = patch;
      const wish = node.kind === 'symlink' ? others : patch;
      const told = attrsIn(await this.calls.call(OP.setattr, id, setattrBody(wish)));
      this.#known.toldAttrs(id, told, this.#nowMs());
      return { ...told.node, target: node.target };
    });
  }

  async rename(from: RelPath, to: RelPath, { replace }: { readonly replace: boolean }): Promise<void> {
    const [source, target] = [placeOf(from), placeOf(to)];
    const folder = await this.#folder(splitRel(from).parent);
    const toFolder = await this.#folder(splitRel(to).parent);
    await Promise.all([this.#folders.ready(folder), this.#folders.ready(toFolder)]);
    await this.#renamed(folder, source.name, toFolder, target.name, replace);
    if (from === to) return;
    for (const file of this.#open) {
      if (file.path === from) file.path = to;
      else if (file.path.startsWith(`${from}/`)) file.path = `${to}${file.path.slice(from.length)}`;
    }
  }

  async remove(path: RelPath): Promise<void> {
    const { name } = placeOf(path);
    await this.#again(path, async () => {
      const { id, node } = await this.#find(path, false);
      const parent = await this.#folder(splitRel(path).parent);
      await this.#folders.ready(parent);
      const opcode = node.kind === 'directory' ? OP.rmdir : OP.unlink;
      await Promise.all([this.calls.call(opcode, parent, texts(name)), this.#folders.sync(parent)]);
      this.#known.dropName(parent, name);
      this.#known.doubtAttrs(parent);
      this.#known.doubtAttrs(id); // it may have other names
    });
  }

  /** Removes what replacements of an earlier process left in a folder, where it is there. */
  async removeRemains(folder: RelPath): Promise<void> {
    const { id } = await this.#find(folder, false);
    const handle = handleIn(await this.calls.call(OP.opendir, id, openBody(0)));
    try {
      for (let offset = 0n; ; ) {
        const body = await this.calls.call(OP.readdirplus, id, readBody(handle, offset, LIST_BYTES));
        if (body.byteLength === 0) return;
        const { entries, next } = listedIn(body);
        for (const { name, entry } of entries) {
          if (entry === null || name === null) continue;
          this.#known.adopted(entry.id);
          if (name.startsWith(this.#stagePrefix) && !this.#stages.has(name))
            await this.calls.call(OP.unlink, id, texts(name));
        }
        offset = next;
      }
    } finally {
      this.#folders.release(id, handle);
    }
  }

  #link(from: RelPath, to: RelPath): Promise<TreeNode> {
    const { name } = placeOf(to);
    return this.#again(from, async () => {
      const { id } = await this.#find(from, false);
      const parent = await this.#folder(splitRel(to).parent);
      await this.#folders.ready(parent);
      const call = this.calls.call(OP.link, parent, linkBody(id), texts(name));
      const [answer] = await Promise.all([call, this.#folders.sync(parent)]);
      const entry = entryOf(answer);
      this.#known.told(parent, name, entry, this.#nowMs());
      this.#known.doubtAttrs(parent);
      return entry.node;
    });
  }

  get #stagePrefix(): string {
    return `.causeway-wb-${this.#ports.tag}`;
  }

  #nowMs(): number {
    return this.#ports.clock.monotonicMs();
  }

  /** While the other machine is away what was told last is all there is: programs go on with it. */
  #believedMs(): number {
    return this.calls.isAway ? EVER : this.#nowMs();
  }

  #isHidden(name: string): boolean {
    return this.#stage.test(name) || isPrivateName(name);
  }

  async #lookup(path: RelPath, asks: boolean): Promise<TreeNode> {
    return (await this.#again(path, () => this.#find(path, asks))).node;
  }

  /** Once more from the root where an id on the way means nothing over there any more. */
  async #again<T>(path: RelPath, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (failure) {
      if (!(failure instanceof FarFailure && failure.isStale)) throw failure;
    }
    this.#forgetServer();
    this.#known.doubtAll();
    try {
      return await call();
    } catch (failure) {
      if (!(failure instanceof FarFailure && failure.isStale)) throw failure;
      throw new CausewayError('CW_DISK_NOT_FOUND', `${path} is another file by now`);
    }
  }

  #forgetServer(): void {
    if (this.#generation === this.calls.generation) return;
    this.#generation = this.calls.generation;
    this.#known.clear();
    this.#folders.clear();
  }

  /** Walks from the root; `asks`: the last name is asked for, whatever is known of it. */
  async #find(path: RelPath, asks: boolean): Promise<Found> {
    this.#forgetServer();
    const names = checkedNames(path);
    if (names.some((name) => this.#isHidden(name)))
      throw new CausewayError('CW_DISK_NOT_FOUND', `${path} does not exist`);
    let at: Found = { id: ROOT, node: await this.#attrs(ROOT, asks && names.length === 0) };
    for (const [index, name] of names.entries()) {
      if (at.node.kind !== 'directory') throw wrongKind(at.node, path, 'CW_DISK_NOT_DIRECTORY');
      at = await this.#step(at.id, name, asks && index === names.length - 1);
    }
    return at.node.kind === 'symlink' ? { ...at, node: await this.#withTarget(at) } : at;
  }

  async #step(parent: bigint, name: Name, asks: boolean): Promise<Found> {
    const known = asks ? null : this.#known.name(parent, name, this.#believedMs());
    if (known !== null) return { id: known.id, node: await this.#attrs(known.id, false) };
    try {
      const entry = entryOf(await this.calls.call(OP.lookup, parent, texts(name)));
      this.#known.told(parent, name, entry, this.#nowMs());
      return { id: entry.id, node: entry.node };
    } catch (failure) {
      if (failure instanceof FarFailure && failure.code === 'CW_DISK_NOT_FOUND')
        this.#known.dropName(parent, name);
      const before = asks || !isAwayNow(failure) ? null : this.#known.name(parent, name, EVER);
      if (before === null) throw failure;
      return { id: before.id, node: await this.#attrs(before.id, false) };
    }
  }

  async #attrs(id: bigint, asks: boolean): Promise<TreeNode> {
    const known = asks ? null : this.#known.attrsOf(id, this.#believedMs());
    if (known !== null) return known;
    try {
      const told = attrsIn(await this.calls.call(OP.getattr, id, getattrBody()));
      this.#known.toldAttrs(id, told, this.#nowMs());
      return told.node;
    } catch (failure) {
      const before = asks || !isAwayNow(failure) ? null : this.#known.attrsOf(id, EVER);
      if (before === null) throw failure;
      return before;
    }
  }

  async #withTarget({ id, node }: Found): Promise<TreeNode> {
    const bytes = await this.calls.call(OP.readlink, id);
    const target = fromUtf8(bytes);
    if (target === null) throw new CausewayError('CW_UNSUPPORTED', 'a symbolic link leads to no valid name');
    return { ...node, target };
  }

  async #folder(path: RelPath): Promise<bigint> {
    const { id, node } = await this.#find(path, false);
    if (node.kind !== 'directory') throw wrongKind(node, path, 'CW_DISK_NOT_DIRECTORY');
    return id;
  }

  async #renamed(
    folder: bigint,
    name: Name,
    toFolder: bigint,
    toName: Name,
    replace: boolean,
  ): Promise<void> {
    const body = [renameBody(toFolder, replace ? 0 : NO_REPLACE), texts(name, toName)];
    await Promise.all([
      this.calls.call(OP.rename2, folder, ...body),
      this.#folders.sync(toFolder),
      ...(folder === toFolder ? [] : [this.#folders.sync(folder)]),
    ]);
    if (folder !== toFolder || name !== toName) this.#known.moved(folder, name, toFolder, toName);
    this.#known.doubtAttrs(folder);
    this.#known.doubtAttrs(toFolder);
  }

  async #openReplacement(path: RelPath): Promise<TreeFile> {
    return this.#again(path, async () => {
      const { parent, name } = splitRel(path);
      const folder = await this.#folder(parent);
      const there = await this.#standing(path);
      const stage = parseName(`${this.#stagePrefix}${toHex(this.#ports.random.bytes(STAGE_ID_BYTES))}`);
      const ready = this.#folders.ready(folder);
      ready.catch(() => undefined); // told where it is needed
      const place = async () => {
        await ready;
        await this.#renamed(folder, stage, folder, name, there !== null);
        this.#stages.delete(stage);
      };
      this.#stages.add(stage);
      return this.#made(folder, stage, there?.mode ?? FILE_MODE, path, place);
    });
  }

  /** What is to be replaced: a file or nothing. */
  async #standing(path: RelPath): Promise<TreeNode | null> {
    try {
      const { node } = await this.#find(path, false);
      if (node.kind !== 'file') throw wrongKind(node, path);
      return node;
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
      throw failure;
    }
  }

  async #made(
    parent: bigint,
    name: Name,
    mode: number,
    path: RelPath,
    place: (() => Promise<void>) | null = null,
  ): Promise<RemoteFile> {
    const { generation } = this.calls;
    const body = await this.calls.call(
      OP.create,
      parent,
      createBody(O_RDWR | O_CREAT | O_EXCL, mode),
      texts(name),
    );
    const entry = entryOf(body);
    this.#known.told(parent, name, entry, this.#nowMs());
    this.#known.doubtAttrs(parent);
    const at = { id: entry.id, handle: handleIn(body, ENTRY_BYTES), generation };
    const known = { path, known: entry.node.id, isWritable: true };
    return this.#opened(at, known, place && { place, stage: { parent, name } });
  }

  #opened(
    at: FarHandle,
    what: { readonly path: string; readonly known: string; readonly isWritable: boolean },
    staged: {
      readonly place: () => Promise<void>;
      readonly stage: { parent: bigint; name: Name };
    } | null = null,
  ): RemoteFile {
    const pinned = at.id;
    this.#known.pin(pinned);
    const file: RemoteFile = new RemoteFile(
      {
        calls: this.calls,
        reopen: (again) => this.#reopened(again),
        place: staged?.place ?? null,
        changed: (id) => this.#known.doubtAttrs(id),
        closed: async (one) => {
          this.#open.delete(one);
          if (at.generation === this.calls.generation) this.#known.unpin(pinned);
          if (staged !== null && !one.isPlaced) await this.#unstaged(staged.stage, at.generation);
        },
      },
      at,
      what,
    );
    this.#open.add(file);
    return file;
  }

  /** What was not published leaves nothing; where that cannot be done now the next process does it. */
  async #unstaged(stage: { parent: bigint; name: Name }, generation: number): Promise<void> {
    this.#stages.delete(stage.name);
    if (generation !== this.calls.generation) return;
    await this.calls.call(OP.unlink, stage.parent, texts(stage.name)).catch(() => undefined);
    this.#known.dropName(stage.parent, stage.name);
  }

  async #handle(id: bigint, writes: boolean): Promise<FarHandle> {
    const { generation } = this.calls;
    const handle = handleIn(await this.calls.call(OP.open, id, openBody(writes ? O_RDWR : 0)));
    return { id, handle, generation };
  }

  async #reopened(file: RemoteFile): Promise<FarHandle> {
    const path = file.path as RelPath;
    const { id, node } = await this.#find(path, true);
    if (node.id !== file.identity)
      throw new CausewayError(
        'CW_DISK_NOT_FOUND',
        `${path} is another file since the machine was started again`,
      );
    return this.#handle(id, file.isWritable);
  }

  /** What the other machine tells by itself, as it would tell a kernel. */
  #noticed(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const id = view.getBigUint64(OUT_HEADER_BYTES, true);
    if (view.getInt32(4, true) === NOTICE.invalInode) {
      this.#known.doubtAttrs(id);
      const paths = id === ROOT ? [''] : this.#known.pathsOf(id);
      for (const path of paths) this.#ports.onChanged(path as RelPath, false);
      return;
    }
    const name = fromUtf8(bytes.subarray(OUT_HEADER_BYTES + 16, bytes.byteLength - 1));
    if (name === null || this.#isHidden(name)) return;
    this.#known.doubtName(id, name);
    const folder = this.#known.folderPath(id);
    if (folder !== null) this.#ports.onChanged(joinRel(folder as RelPath, parseName(name)), true);
  }
}
