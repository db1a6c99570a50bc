import type { AttrPatch, EntryKind, Stat } from '../../disk.ts';
import { Content } from './content.ts';

/** A time as given by a user in nanoseconds, or as stamped by the simulator in milliseconds since 1970 UTC. */
type Stamp = bigint | number;

/** Attributes that a flush makes stable. */
interface Attrs {
  readonly mode: number;
  readonly mtime: Stamp;
}

/** Milliseconds to nanoseconds; the simulator's clock has a resolution of a microsecond. */
function toNs(stamp: Stamp): bigint {
  return typeof stamp === 'bigint' ? stamp : BigInt(Math.round(stamp * 1000)) * 1000n;
}

/** What all kinds of entries have. An entry has at most one name, since the world offers no hard links. */
export class Inode {
  readonly number: number;
  readonly kind: EntryKind;
  mode: number;
  mtime: Stamp;
  ctimeMs: number;
  parent: DirInode | null = null;
  name = '';
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
    return this.parent === null ? 0 : 1;
  }

  stat(deviceId: string): Stat {
    return {
      kind: this.kind,
      sizeBytes: this.sizeBytes,
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
    if (patch.mode !== undefined && this.kind !== 'symlink') this.mode = patch.mode & 0o7777;
    if (patch.mtimeNs !== undefined) this.mtime = patch.mtimeNs;
    this.ctimeMs = nowMs;
  }

  /** Mode and time are stable from now on; so is the state at creation, which the entry's own stability carries. */
  commitAttrs(): void {
    this.#stable = { mode: this.mode, mtime: this.mtime };
  }

  /** A power cut that loses what was not flushed of mode and time. */
  loseAttrs(): void {
    if (this.#stable === null) return;
    this.mode = this.#stable.mode;
    this.mtime = this.#stable.mtime;
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
