import { type BigIntStats, constants, type StatsFs } from 'node:fs';
import type { EntryKind, SpaceInfo, SpecialFile, Stat } from '../disk.ts';

const { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } = constants;
/** Of st_blocks, whatever the block size of the file system. */
const STAT_BLOCK_BYTES = 512;

function kindOf(mode: number): EntryKind {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 'file';
    case S_IFDIR:
      return 'directory';
    case S_IFLNK:
      return 'symlink';
    default:
      return 'other';
  }
}

const SPECIAL_TYPES: ReadonlyMap<number, SpecialFile['type']> = new Map([
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
  [S_IFCHR, 'characterDevice'],
  [S_IFBLK, 'blockDevice'],
]);

/** Major and minor as glibc's gnu_dev_major and gnu_dev_minor unpack them. */
function specialOf(mode: number, rdev: bigint): SpecialFile {
  return {
    type: SPECIAL_TYPES.get(mode & S_IFMT) ?? 'unknown',
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)),
  };
}

export function toStat(stats: BigIntStats): Stat {
  const mode = Number(stats.mode);
  const kind = kindOf(mode);
  return {
    kind,
    special: kind === 'other' ? specialOf(mode, stats.rdev) : null,
    sizeBytes: Number(stats.size),
    allocatedBytes: Number(stats.blocks) * STAT_BLOCK_BYTES,
    userId: Number(stats.uid),
    groupId: Number(stats.gid),
    mode: mode & 0o7777,
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    deviceId: String(stats.dev),
    inode: String(stats.ino),
    linkCount: Number(stats.nlink),
    birthNs: stats.birthtimeNs,
  };
}

/** f_type of statfs(2) on Linux; only systems whose limits or habits matter to a copy, and the common ones. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x794c7630, 'overlay'],
  [0x65735546, 'fuse'],
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x4d44, 'vfat'],
  [0x2011bab0, 'exfat'],
  [0x5346544e, 'ntfs'],
  [0x7366746e, 'ntfs3'],
  [0x9660, 'iso9660'],
  [0x73717368, 'squashfs'],
  [0xe0f5e1e2, 'erofs'],
]);

export function toSpaceInfo(stats: StatsFs, readOnly: boolean): SpaceInfo {
  return {
    freeBytes: stats.bavail * stats.bsize,
    totalBytes: stats.blocks * stats.bsize,
    fileSystem: FILE_SYSTEMS.get(stats.type >>> 0) ?? `0x${(stats.type >>> 0).toString(16)}`,
    readOnly,
  };
}
