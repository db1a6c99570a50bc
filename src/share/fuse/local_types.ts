import type { Posix } from '../../world/posix.ts';

/**
 * `f_type` of statfs(2) where all changes are made by this machine, so that its kernel tells of each, and where closing a file
 * tells nothing: ext2 to ext4, XFS, Btrfs, tmpfs, F2FS, overlayfs, ZFS, bcachefs, FAT, exFAT, NTFS, ramfs. Not NFS, SMB, FUSE.
 */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x794c7630, 0x2fc12fc1, 0xca451a4e, 0x4d44,
  0x2011bab0, 0x7366746e, 0x858458f6,
]);

/** Whether what is open there lies on a file system of this machine alone. `statfsAt`: memory that may be used during the call. */
export function isLocal({ attrs, memory }: Posix, fd: number, statfsAt: number): boolean {
  if (attrs.statfs(fd, statfsAt) < 0) return false;
  return LOCAL_TYPES.has(memory.view.getUint32(statfsAt, true));
}
