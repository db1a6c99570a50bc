import { endianness } from 'node:os';

const LITTLE = endianness() === 'LE';

/** Where a `struct stat` or `struct statx` has its fields. */
export interface Offsets {
  readonly device: number;
  readonly inode: number;
  readonly linkCount: number;
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly size: number;
  readonly blocks: number;
  readonly mtime: number;
  readonly ctime: number;
}

/** The fields of one answer, which lies in memory that the next look overwrites. */
export class LookFields {
  readonly view: DataView;
  readonly #at: Offsets;

  constructor(view: DataView, at: Offsets) {
    this.view = view;
    this.#at = at;
  }

  get linkCount(): number {
    return this.view.getUint32(this.#at.linkCount, LITTLE);
  }

  get userId(): number {
    return this.view.getUint32(this.#at.userId, LITTLE);
  }

  get groupId(): number {
    return this.view.getUint32(this.#at.groupId, LITTLE);
  }

  get mode(): number {
    return this.view.getUint16(this.#at.mode, LITTLE);
  }

  get inode(): bigint {
    return this.view.getBigUint64(this.#at.inode, LITTLE);
  }

  get sizeBytes(): number {
    return Number(this.view.getBigUint64(this.#at.size, LITTLE));
  }

  get allocatedBytes(): number {
    return Number(this.view.getBigUint64(this.#at.blocks, LITTLE)) * 512;
  }

  get ctimeNs(): bigint {
    return this.#timeNs(this.#at.ctime);
  }

  get ctimeS(): number {
    return Number(this.view.getBigInt64(this.#at.ctime, LITTLE));
  }

  get mtimeNs(): bigint {
    return this.#timeNs(this.#at.mtime);
  }

  /** A half (0 or 1) of what tells the device. */
  deviceWord(half: number): number {
    return this.view.getUint32(this.#at.device + 4 * half, LITTLE);
  }

  /** The same of the inode. */
  inodeWord(half: number): number {
    return this.view.getUint32(this.#at.inode + 4 * half, true);
  }

  /** Seconds (0) or nanoseconds (1) of the change time, 32 bits of each. */
  ctimeWord(part: number): number {
    return this.view.getUint32(this.#at.ctime + 8 * part, true);
  }

  #timeNs(at: number): bigint {
    return this.view.getBigInt64(at, LITTLE) * 1_000_000_000n + BigInt(this.view.getUint32(at + 8, LITTLE));
  }
}

/** statx(2): the same on each architecture. */
export const STATX: Offsets = {
  device: 136,
  inode: 32,
  linkCount: 16,
  mode: 28,
  userId: 20,
  groupId: 24,
  size: 40,
  blocks: 48,
  mtime: 112,
  ctime: 96,
};

const STAT_TAIL = { device: 0, inode: 8, size: 48, blocks: 64, mtime: 88, ctime: 104 } as const;
/** A `struct stat` of the kernel's own layout, which libc passes on; little endian. */
export const STAT_OF: Readonly<Record<string, Offsets>> = {
  x64: { ...STAT_TAIL, linkCount: 16, mode: 24, userId: 28, groupId: 32 },
  arm64: { ...STAT_TAIL, mode: 16, linkCount: 20, userId: 24, groupId: 28 },
};

/** A device as makedev(3) packs its numbers, as text. */
export function deviceIdOf(major: number, minor: number): string {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return String(
    ((high & ~0xfffn) << 32n) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | (low & 0xffn),
  );
}
