import type { Name, RelPath } from '../../base/path.ts';
import type { FilePart } from '../../world/cached_entries.ts';
import type { AttrPatch, Dir, DiskFile, EntryKind } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';

/** What a tree says of one of its nodes. Times in nanoseconds since 1970 UTC. */
export interface TreeNode {
  /** Which node it is: the same text as long as the node exists, whatever it is called; of no other node of the tree. */
  readonly id: string;
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** Permission bits (0o7777). */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly linkCount: number;
  /** Where a symlink points, as text; null of other nodes, and in listings. */
  readonly target: string | null;
}

export interface TreeEntry {
  readonly name: Name;
  readonly node: TreeNode;
}

export interface TreeSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Small named values that stay with a node when it is renamed, and with a name when its content is replaced. */
export interface NodeValues {
  /** Null where there is none of that name. */
  get(path: RelPath, name: string): Promise<Uint8Array | null>;
  /** Null removes. CW_UNSUPPORTED where the node or the file system takes none, or none of that size. */
  set(path: RelPath, name: string, value: Uint8Array | null): Promise<void>;
}

/** Extended attributes, by their whole names (`user.mime_type`). CW_UNSUPPORTED where the node or the file system takes none. */
export interface TreeAttributes {
  /** Null where there is none of that name. */
  get(path: RelPath, name: string): Promise<Uint8Array | null>;
  list(path: RelPath): Promise<string[]>;
  /** `flags` as those of setxattr(2): 1 for a new one only, 2 for one that is there. */
  set(path: RelPath, name: string, value: Uint8Array, flags: number): Promise<void>;
  remove(path: RelPath, name: string): Promise<void>;
}

/** What programs of Unix expect of files beside their content. */
export interface UnixCaps {
  /** Gives a file a further name, and what it is then. CW_DISK_EXISTS. */
  readonly link: (from: RelPath, to: RelPath) => Promise<TreeNode>;
  readonly attributes: TreeAttributes;
}

/** A folder that was opened for one list of it in threads. */
export interface TreeFolder extends AsyncDisposable {
  /** Nobody else reads its entries. What trees leave out is in it: the private folder, what is no file, folder or symlink. */
  readonly dir: Dir;
  readonly offload: Offload;
}

/** Ways of a tree that do in one step, of small or many files, what takes several otherwise. */
export interface TreeShortCuts {
  /** The sizes of all files together, in bytes, as a list of all folders gives them; null where they are to be listed. */
  readonly measureFiles?: () => Promise<number | null>;
  /**
   * Removes files and symlinks of a folder together, which are durably gone when it resolves: those that it gives. Others are to be
   * removed one by one. Absent where that is so of all.
   */
  readonly removeFiles?: (folder: RelPath, names: readonly Name[]) => Promise<readonly Name[]>;
  /**
   * A whole small file takes a name in one step, as what is opened with `replace`, written and published, and has that time of
   * modification (ns since 1970; null for now); null where it is to be done so, and nothing was done. Absent where it always is.
   * The bytes must not be changed before it resolves.
   */
  readonly putFile?: (path: RelPath, bytes: Uint8Array, mtimeNs: bigint | null) => Promise<TreeNode | null>;
  /**
   * A small part of a file that the system has in memory, in one step; null where it is to be opened, whatever the reason.
   * `choose` is asked once for the part, null for none; what it throws is thrown.
   */
  readonly cachedFile?: (path: RelPath, choose: ChoosePart) => Promise<CachedFile | null>;
}

/** What a tree offers beyond its seven verbs; null where it does not. */
export interface TreeCaps extends TreeShortCuts {
  /** Every change is refused with CW_DISK_READ_ONLY. */
  readonly readOnly: boolean;
  /** Identities of nodes outlive this process. */
  readonly lastingIds: boolean;
  readonly values: NodeValues | null;
  readonly space: (() => Promise<TreeSpace>) | null;
  /** Absent where there is none of it. */
  readonly unix?: UnixCaps;
  /** For lists of large folders; as `list` in what it refuses. */
  readonly folder: ((path: RelPath) => Promise<TreeFolder>) | null;
}

/** Which bytes of a file are wanted, by what it is; null for none. */
export type ChoosePart = (node: TreeNode) => FilePart | null;

/** What {@link TreeCaps.cachedFile} gives: bytes are null where none were wanted. */
export interface CachedFile {
  readonly node: TreeNode;
  readonly bytes: Uint8Array | null;
}

/** What a thread needs to read an open file by itself. */
export interface TreeFileHandle {
  readonly file: DiskFile;
  readonly offload: Offload;
}

/** An open file. It stays the same file when its name goes to another one. Errors are those of {@link FileTree}. */
export interface TreeFile extends AsyncDisposable {
  /** Of a file that was opened to be read, where threads may; absent elsewhere. It ends with the file. */
  readonly handle?: TreeFileHandle;
  /** Fewer bytes than asked only at the end of the file. */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Writes all bytes. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  /** Of a file opened with `replace`: a value that it is published with, where nothing is replaced. Absent elsewhere. */
  mark?(name: string, value: Uint8Array): Promise<void>;
  /**
   * What was written is durable when it resolves. Of a file opened with `replace` it is also what stands under the name:
   * before that, the name shows what it showed.
   */
  publish(): Promise<TreeNode>;
  node(): Promise<TreeNode>;
  /** A file opened with `replace` that was not published leaves nothing. */
  close(): Promise<void>;
}

/**
 * `read` and `write`: a regular file that exists. `create`: a new one, CW_DISK_EXISTS. `replace`: a new one that takes the
 * name when it is published, complete or not at all; it keeps the mode, the owner and the values of what stood there.
 */
export type TreeOpenMode = 'read' | 'write' | 'create' | 'replace';

export type NewNode =
  | { readonly kind: 'directory'; readonly mode?: number }
  | { readonly kind: 'symlink'; readonly target: string };

/**
 * Files and folders below one root, whatever holds them. No path leads out of the root: components are plain names, and
 * a symlink on the way is refused with CW_DISK_SYMLINK, never followed; {@link followingLinks} follows those that stay
 * inside. Errors are CausewayErrors with CW_DISK_*, CW_UNSUPPORTED or CW_LIMIT; their messages may hold paths of this
 * machine: they are for its own log, not for clients.
 */
export interface FileTree {
  readonly caps: TreeCaps;
  lookup(path: RelPath): Promise<TreeNode>;
  /**
   * Each entry once, in no order, some at a time; what comes or goes meanwhile may be missed. Names that are not valid UTF-8
   * are left out.
   */
  list(path: RelPath): AsyncIterable<readonly TreeEntry[]>;
  open(path: RelPath, mode: TreeOpenMode): Promise<TreeFile>;
  /** CW_DISK_EXISTS where something stands there. */
  create(path: RelPath, what: NewNode): Promise<TreeNode>;
  /** Of a symlink the owner and time of itself. */
  setAttrs(path: RelPath, patch: AttrPatch): Promise<TreeNode>;
  /**
   * Atomic. With `replace`, a file takes the place of a file or symlink and a folder that of an empty folder; without it
   * anything that stands there is CW_DISK_EXISTS. CW_DISK_NAME for a folder into itself.
   */
  rename(from: RelPath, to: RelPath, options: { readonly replace: boolean }): Promise<void>;
  /** A file, a symlink (itself), an empty folder. CW_DISK_NOT_EMPTY. */
  remove(path: RelPath): Promise<void>;
}
