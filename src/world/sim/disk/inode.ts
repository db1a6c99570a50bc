import type { AttrPatch, EntryKind, Stat } from '../../disk.ts';
import { Content, PAGE_BYTES } from './content.ts';

/** A time as given by a user in nanoseconds, or as stamped by the simulator in milliseconds since 1970 UTC. */
type Stamp = bigint | number;

/** Attributes that a flush makes stable. */
interface Attrs {
  readonly userId: number;
  readonly groupId: number;
  readonly mode: number;
  readonly mtime: Stamp;
  readonly xattrs: Xattrs;
}

/** Extended attributes; replaced as a whole by every change, so that an older state can be kept. */
export type Xattrs = ReadonlyMap<string, Uint8Array>;

/** One more name of an entry. */
interface Place {
  readonly dir: DirInode;
  readonly name: string;
}

/** Milliseconds to nanoseconds; the simulator's clock has a resolution of a microsecond. */
function toNs(stamp: Stamp): bigint {
  return typeof stamp === 'bigint' ? stamp : BigInt(Math.round(stamp * 1000)) * 1000n;
}

const SET_ID_BITS = 0o6000;

/** What all kinds of entries have. Only a hard link gives an entry, never a folder, more than one name. */
export class Inode {
  readonly number: number;
  readonly kind: EntryKind;
  userId = 0;
  groupId = 0;
  mode: number;
  xattrs: Xattrs = new Map();
  mtime: Stamp;
  ctimeMs: number;
  parent: DirInode | null = null;
  name = '';
  /** Its names but the first. */
  otherNames: Place[] = [];
  #stable: Attrs | null = null;

  constructor(number: number, kind: EntryKind, mode: number, nowMs: number) {
    this.number = number;
    this.kind = kind;
    this.mode = mode;
    this.mtime = nowMs;
    this.ctimeMs = nowMs;
  }

  get sizeBytes(): number {
    return 0;
  }

  get linkCount(): number {
    return this.parent === null ? 0 : 1 + this.otherNames.length;
  }

  get allocatedBytes(): number {
    return 0;
  }

  /** Gives it a name: its first, or one more. */
  addName(dir: DirInode, name: string): void {
    if (this.parent !== null) {
      this.otherNames.push({ dir, name });
      return;
    }
    this.parent = dir;
    this.name = name;
  }

  /** Takes a name away. */
  removeName(dir: DirInode, name: string): void {
    if (this.parent === dir && this.name === name) {
      const next = this.otherNames.shift();
      this.parent = next?.dir ?? null;
      this.name = next?.name ?? name;
      return;
    }
    this.otherNames = this.otherNames.filter((place) => place.dir !== dir || place.name !== name);
  }

  stat(deviceId: string): Stat {
    return {
      kind: this.kind,
      special: this.kind === 'other' ? { type: 'fifo', major: 0, minor: 0 } : null,
      sizeBytes: this.sizeBytes,
      allocatedBytes: this.allocatedBytes,
      userId: this.userId,
      groupId: this.groupId,
      mode: this.mode,
      mtimeNs: toNs(this.mtime),
      ctimeNs: toNs(this.ctimeMs),
      deviceId,
      inode: String(this.number),
      linkCount: this.linkCount,
    };
  }

  /** The content changed at that time. */
  touch(nowMs: number): void {
    this.mtime = nowMs;
    this.ctimeMs = nowMs;
  }

  setAttrs(patch: AttrPatch, nowMs: number): void {
    if (patch.userId !== undefined || patch.groupId !== undefined) {
      this.userId = patch.userId ?? this.userId;
      this.groupId = patch.groupId ?? this.groupId;
      if (this.kind === 'file') this.mode &= ~SET_ID_BITS;
    }
    if (patch.mode !== undefined && this.kind !== 'symlink') this.mode = patch.mode & 0o7777;
    if (patch.mtimeNs !== undefined) this.mtime = patch.mtimeNs;
    this.ctimeMs = nowMs;
  }

  setXattrs(xattrs: Xattrs, nowMs: number): void {
    this.xattrs = xattrs;
    this.ctimeMs = nowMs;
  }

  /** Owner, mode, time and extended attributes are stable from now on; so is the state at creation, which the entry's own stability carries. */
  commitAttrs(): void {
    const { userId, groupId, mode, mtime, xattrs } = this;
    this.#stable = { userId, groupId, mode, mtime, xattrs };
  }

  /** A power cut that loses what was not flushed of these. */
  loseAttrs(): void {
    if (this.#stable !== null) Object.assign(this, this.#stable);
  }
}

export class FileInode extends Inode {
  readonly content = new Content();

  constructor(number: number, mode: number, nowMs: number) {
    super(number, 'file', mode, nowMs);
    this.commitAttrs();
  }

  override get sizeBytes(): number {
    return this.content.sizeBytes;
  }

  override get allocatedBytes(): number {
    return this.content.allocatedPages * PAGE_BYTES;
  }
}

export class LinkInode extends Inode {
  readonly target: string;

  constructor(number: number, target: string, nowMs: number) {
    super(number, 'symlink', 0o777, nowMs);
    this.target = target;
    this.commitAttrs();
  }

  override get sizeBytes(): number {
    return Buffer.byteLength(this.target);
  }
}

/** One atomic change of one or two directories that is not stable yet. */
export interface DirChange {
  readonly sequence: number;
  readonly edits: readonly DirEdit[];
  committed: boolean;
}

export interface DirEdit {
  readonly dir: DirInode;
  readonly name: string;
  /** Null: the name is removed. */
  readonly inode: Inode | null;
}

export class DirInode extends Inode {
  entries = new Map<string, Inode>();
  stableEntries = new Map<string, Inode>();
  /** In the order of their happening; what is stable of a directory is always a prefix of its history. */
  pending: DirChange[] = [];

  constructor(number: number, mode: number, nowMs: number) {
    super(number, 'directory', mode, nowMs);
    this.commitAttrs();
  }

  override get sizeBytes(): number {
    return 4096;
  }

  override get linkCount(): number {
    let subdirectories = 0;
    for (const inode of this.entries.values()) if (inode.kind === 'directory') subdirectories += 1;
    return 2 + subdirectories;
  }
}
