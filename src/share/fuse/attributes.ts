import { putId } from './frame.ts';
import { KIND_FOLDER, KIND_MASK } from './protocol.ts';

/** Of a `struct statx`, statx(2). */
const STATX = {
  blockSize: 4,
  linkCount: 16,
  userId: 20,
  groupId: 24,
  mode: 28,
  inode: 32,
  size: 40,
  blocks: 48,
  atime: 64,
  birth: 80,
  ctime: 96,
  mtime: 112,
  deviceMajor: 128,
  deviceMinor: 132,
  ownMajor: 136,
  ownMinor: 140,
} as const;

export const STATX_BYTES = 256;

/** Reads what calls have left in memory. */
export class Statx {
  readonly #view: DataView;
  readonly at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.at = at;
  }

  get mode(): number {
    return this.#view.getUint16(this.at + STATX.mode, true);
  }

  get linkCount(): number {
    return this.#view.getUint32(this.at + STATX.linkCount, true);
  }

  get sizeBytes(): number {
    return Number(this.#view.getBigUint64(this.at + STATX.size, true));
  }

  get isFolder(): boolean {
    return (this.mode & KIND_MASK) === KIND_FOLDER;
  }

  /** Tells a file from all others of this machine, whatever folder is looked at. */
  get file(): string {
    const low = this.#view.getUint32(this.at + STATX.inode, true);
    const high = this.#view.getUint32(this.at + STATX.inode + 4, true);
    return `${this.device}:${high}:${low}:${this.birth}`;
  }

  /** When anything of it was changed last, in ms since 1970. */
  get changedMs(): number {
    const seconds = Number(this.#view.getBigInt64(this.at + STATX.ctime, true));
    return seconds * 1_000 + this.#view.getUint32(this.at + STATX.ctime + 8, true) / 1_000_000;
  }

  /** Tells nodes apart that exist at the same time: a number where that is exact. */
  key(rootDevice: number): number | string {
    const low = this.#view.getUint32(this.at + STATX.inode, true);
    const high = this.#view.getUint32(this.at + STATX.inode + 4, true);
    const device = this.device;
    if (device === rootDevice && high < 2 ** 21) return high * 2 ** 32 + low;
    return `${device}:${high}:${low}`;
  }

  /** Shows another owner than the one that was found. */
  putOwner(at: number, { userId, groupId }: Owner): void {
    this.#view.setUint32(at + STATX.userId, userId, true);
    this.#view.setUint32(at + STATX.groupId, groupId, true);
  }

  get device(): number {
    const major = this.#view.getUint32(this.at + STATX.ownMajor, true);
    return major * 2 ** 24 + this.#view.getUint32(this.at + STATX.ownMinor, true);
  }

  /** When it was made, in nanoseconds, as a double: tells an inode from the one that had its number before. */
  get birth(): number {
    const seconds = this.#view.getUint32(this.at + STATX.birth, true);
    return seconds * 1e9 + this.#view.getUint32(this.at + STATX.birth + 8, true);
  }

  /** Writes a `struct fuse_attr`, with another owner where one is given. */
  writeAttr(to: number, rootDevice: number, owner: Owner | null): void {
    const view = this.#view;
    const { at } = this;
    const copy64 = (from: number, into: number) => {
      view.setUint32(into, view.getUint32(at + from, true), true);
      view.setUint32(into + 4, view.getUint32(at + from + 4, true), true);
    };
    const copy32 = (from: number, into: number) =>
      view.setUint32(into, view.getUint32(at + from, true), true);
    copy64(STATX.inode, to);
    // numbers of another device below the root are kept apart from those of the root's
    const { device } = this;
    if (device !== rootDevice) view.setUint32(to + 4, view.getUint32(to + 4, true) ^ (device << 8), true);
    copy64(STATX.size, to + 8);
    copy64(STATX.blocks, to + 16);
    copy64(STATX.atime, to + 24);
    copy64(STATX.mtime, to + 32);
    copy64(STATX.ctime, to + 40);
    copy32(STATX.atime + 8, to + 48);
    copy32(STATX.mtime + 8, to + 52);
    copy32(STATX.ctime + 8, to + 56);
    view.setUint32(to + 60, this.mode, true);
    copy32(STATX.linkCount, to + 64);
    if (owner !== null) this.putOwner(at, owner);
    copy32(STATX.userId, to + 68);
    copy32(STATX.groupId, to + 72);
    const major = view.getUint32(at + STATX.deviceMajor, true);
    const minor = view.getUint32(at + STATX.deviceMinor, true);
    view.setUint32(to + 76, (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12), true);
    copy32(STATX.blockSize, to + 80);
    view.setUint32(to + 84, 0, true);
  }
}

export interface Owner {
  readonly userId: number;
  readonly groupId: number;
}

/** How long a kernel may believe what it was told. */
export interface CacheTimes {
  readonly namesMs: number;
  readonly attrsMs: number;
}

/** Writes the head of a `struct fuse_entry_out`; the attributes follow it. */
export function writeEntryHead(
  view: DataView,
  to: number,
  node: { readonly id: number; readonly birth: number },
  times: CacheTimes,
): void {
  putId(view, to, node.id);
  view.setFloat64(to + 8, node.birth, true); // the generation: the same number of an inode with another birth is another one
  putId(view, to + 16, Math.floor(times.namesMs / 1000));
  putId(view, to + 24, Math.floor(times.attrsMs / 1000));
  view.setUint32(to + 32, (times.namesMs % 1000) * 1_000_000, true);
  view.setUint32(to + 36, (times.attrsMs % 1000) * 1_000_000, true);
}

/** Writes the head of a `struct fuse_attr_out`. */
export function writeAttrHead(view: DataView, to: number, times: CacheTimes): void {
  putId(view, to, Math.floor(times.attrsMs / 1000));
  view.setUint32(to + 8, (times.attrsMs % 1000) * 1_000_000, true);
  view.setUint32(to + 12, 0, true);
}
