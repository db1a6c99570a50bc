import { LIMITS } from '../../base/limits.ts';
import type { QuotaClerk } from '../../tree/files/quota_clerk.ts';
import type { FolderEvents } from '../../world/folder_events.ts';
import type { Posix, Settling } from '../../world/posix.ts';
import {
  type CacheTimes,
  type Owner,
  STATX_BYTES,
  Statx,
  writeAttrHead,
  writeEntryHead,
} from './attributes.ts';
import { FileLocks } from './file_locks.ts';
import { Frame } from './frame.ts';
import { isLocal } from './local_types.ts';
import { FuseLocks } from './locks.ts';
import { type FuseNode, FuseNodes } from './nodes.ts';
import { OpenFiles } from './open_files.ts';
import { ATTR_OUT_BYTES, ENTRY_BYTES, ERRNO, OUT_HEADER_BYTES, ROOT_ID } from './protocol.ts';
import type { Recorder } from './recorder.ts';
import type { BatchKeeper } from './rollback/keeper.ts';
import { type LeasePorts, ServerLeases } from './server_leases.ts';
import { FolderWatching } from './watching.ts';

/** What is left to another thread. */
export interface FuseHelp {
  /** Flushes an open file, or closes that descriptor, then answers the request of that number. */
  sync(fd: number, settling: Settling, uniqueLow: number, uniqueHigh: number): void;
  /** Asks the kernel to forget what it knows by a name. */
  forgetName(parentId: number, name: string): void;
}

/** What holds where requests come from another machine, whose kernel is not trusted. */
export interface FarRules {
  /**
   * Shown as the owner of everything; what is made belongs to whom this thread acts for. Null: the numbers of users and
   * groups mean the same on both machines, and each request is served as the user that it names.
   */
  readonly shownOwner: Owner | null;
  /**
   * Ids of nodes and handles begin there, another place for each server: what was known of an earlier one is unknown to
   * this one, and never another file.
   */
  readonly idBase: number;
  /** How changes by others are heard of, so that the kernel can be told; null: it is not told. */
  readonly changes: { readonly events: FolderEvents; readonly nowMs: () => number } | null;
  /** It is told what is known of a folder behind the answer to what has changed it. */
  readonly tellsFolders: boolean;
}

export interface FuseOptions {
  readonly readOnly: boolean;
  /** Null: the kernel of this machine asks. */
  readonly far: FarRules | null;
  readonly times: CacheTimes;
  /** Lets the kernel move the bytes of a file by itself: an id for a descriptor, or an error. Null: it does not. */
  readonly backing: { open(fd: number): number; close(id: number): void } | null;
  /** How large its files may be together; null: as large as they like. */
  readonly quota: QuotaClerk | null;
  /** Has records written of what is done; null: nothing is recorded. */
  readonly recorder: Recorder | null;
  /** Null: this thread flushes by itself, and the kernel holds as many nodes as it likes. */
  readonly side: FuseHelp | null;
  /** False: nothing on this machine reads labels of SELinux. */
  readonly readsLabels?: boolean;
  /** Nodes that the kernel may know before it is asked to forget some. */
  readonly nodesMax: number;
  /** Null: nobody has leases. */
  readonly leases: LeasePorts | null;
  /** Keeps what changes overwrite; absent: nothing does. */
  readonly keeper?: BatchKeeper;
}

const HEADER_ROOM = 4_096;
const STATX_AT = LIMITS.mountWriteMaxBytes.value + LIMITS.mountReadMaxBytes.value + 2 * HEADER_ROOM;
const NAME_AT = STATX_AT + STATX_BYTES;
const LIST_AT = NAME_AT + HEADER_ROOM;
const LIST_BYTES = 64 * 1024;

/** Where what lies in the memory of a server. */
export const PLACE = {
  request: 0,
  requestBytes: LIMITS.mountWriteMaxBytes.value + HEADER_ROOM,
  answer: LIMITS.mountWriteMaxBytes.value + HEADER_ROOM,
  answerBytes: LIMITS.mountReadMaxBytes.value + HEADER_ROOM,
  statx: STATX_AT,
  name: NAME_AT,
  list: LIST_AT,
  listBytes: LIST_BYTES,
  memoryBytes: LIST_AT + LIST_BYTES,
} as const;

/** What all operations of one mount work on. */
export class FuseState {
  readonly posix: Posix;
  readonly options: FuseOptions;
  readonly frame: Frame;
  readonly statx: Statx;
  readonly nodes: FuseNodes;
  readonly files: OpenFiles;
  readonly locks: FuseLocks;
  /** Null where nobody has leases. */
  readonly leases: ServerLeases | null;
  /** Null where the kernel is told of no changes. */
  readonly watching: FolderWatching | null = null;
  readonly #longTimes: CacheTimes;
  readonly #watcher = {
    reached: (folder: FuseNode, fd: number) => this.watching?.reached(folder, fd),
    left: (folder: FuseNode) => this.watching?.left(folder),
  };
  /** Where the body of the answer goes. */
  out = PLACE.answer + OUT_HEADER_BYTES;
  isInitialised = false;
  hasBacking = false;
  /** Closing a file that was written may find something wrong, or only then bring what was written to its place. */
  readonly tellsAtClose: boolean;
  /** SETXATTR has its longer structure. */
  hasLongSetxattr = false;

  constructor(posix: Posix, rootFd: number, options: FuseOptions) {
    this.posix = posix;
    this.options = options;
    this.frame = new Frame(posix.memory);
    this.statx = new Statx(posix.memory.view, PLACE.statx);
    this.tellsAtClose = !isLocal(posix, rootFd, PLACE.list);
    const { side, nodesMax, far } = options;
    this.nodes = new FuseNodes(posix, this.statx, PLACE.name, rootFd, {
      max: nodesMax,
      firstId: far?.idBase ?? ROOT_ID + 1,
      hardMax: far === null ? Number.POSITIVE_INFINITY : LIMITS.mountFarNodesMax.value,
      forgetName: (parentId, name) => side?.forgetName(parentId, name),
      watcher: far === null || far.changes === null ? null : this.#watcher,
    });
    const { times } = options;
    const longer = (ms: number) => (ms === 0 ? 0 : Math.max(ms, LIMITS.mountWatchedMs.value));
    this.#longTimes = { namesMs: longer(times.namesMs), attrsMs: longer(times.attrsMs) };
    if (far?.changes)
      this.watching = new FolderWatching({ posix, nodes: this.nodes, statfsAt: PLACE.list, ...far.changes });
    this.leases = options.leases === null ? null : new ServerLeases(this, options.leases);
    const filesMax = far === null ? LIMITS.mountFilesOpenMax : LIMITS.mountFarFilesMax;
    this.files = new OpenFiles(posix.data, filesMax.value, far?.idBase ?? 1);
    this.locks = new FuseLocks(far === null ? null : new FileLocks(posix, this.nodes, this.files));
  }

  get view(): DataView {
    return this.posix.memory.view;
  }

  /** The node that the request is about; undefined where the kernel has none of that id. */
  get node(): FuseNode | undefined {
    return this.nodes.get(this.frame.nodeId);
  }

  text(start: number, end: number): string {
    return this.posix.memory.bytes.toString('latin1', start, end);
  }

  /** Answers with what stands under a name of a folder. */
  answerEntry(parent: FuseNode, parentFd: number, nameAt: number, name: string): number {
    const result = this.posix.attrs.stat(parentFd, nameAt, PLACE.statx);
    if (result < 0) return result;
    const node = this.nodes.remember(parent, name);
    return node === null ? -ERRNO.ENFILE : this.writeEntry(node, this.out);
  }

  /** Writes an entry from the last look; its size. */
  writeEntry(node: FuseNode, to: number): number {
    writeEntryHead(this.view, to, node, this.#timesOf(node));
    this.statx.writeAttr(to + 40, this.nodes.rootDevice, this.shownOwner);
    return ENTRY_BYTES;
  }

  /** How long the kernel may believe what the last look has shown of a node. */
  #timesOf(node: FuseNode): CacheTimes {
    const { times } = this.options;
    const { watching } = this;
    if (watching === null || !(watching.hearsName(node) || node === this.nodes.root)) return times;
    if (watching.hearsAttrs(node, this.statx.linkCount)) return this.#longTimes;
    return { namesMs: this.#longTimes.namesMs, attrsMs: times.attrsMs };
  }

  answerAttrs(node: FuseNode): number {
    const result = this.nodes.stat(node);
    if (result < 0) return result;
    writeAttrHead(this.view, this.out, this.#timesOf(node));
    this.statx.writeAttr(this.out + 16, this.nodes.rootDevice, this.shownOwner);
    return ATTR_OUT_BYTES;
  }

  get tellsFolders(): boolean {
    return this.options.far?.tellsFolders === true;
  }

  /** Everybody's here, where the users of another machine are nobody on this one. */
  get shownOwner(): Owner | null {
    return this.options.far?.shownOwner ?? null;
  }

  /** Permissions that a file may be given: no rights of its owner's for whoever runs it, where another machine asks. */
  permissions(mode: number): number {
    return mode & (this.options.far === null ? 0o7777 : 0o1777);
  }

  /** Runs a call that makes something, for the user who asks. */
  making(umask: number, call: () => number): number {
    const { rights } = this.posix;
    rights.umask(umask);
    if (this.shownOwner === null) rights.actFor(this.frame.userId, this.frame.groupId);
    try {
      return call();
    } finally {
      rights.actForSelf();
    }
  }

  /** Before a call that may take setuid and setgid away. */
  setIds(drop: boolean): void {
    if (drop || this.options.far !== null) this.posix.rights.dropSetIds(this.frame.groupId);
    else this.posix.rights.keepSetIds();
  }

  /** Runs a call with a descriptor of a node. */
  with(node: FuseNode | undefined, call: (fd: number) => number): number {
    if (node === undefined) return -ERRNO.ESTALE;
    const fd = this.nodes.borrow(node);
    if (fd < 0) return fd;
    try {
      return call(fd);
    } finally {
      this.nodes.giveBack(node, fd);
    }
  }
}

/** An operation: the length of its answer, a negated error, or NO_ANSWER. */
export type Operation = (state: FuseState) => number;
