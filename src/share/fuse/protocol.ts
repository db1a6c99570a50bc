/*
 * The kernel's protocol on /dev/fuse, version 7.31 and later (include/uapi/linux/fuse.h of Linux documents it). All numbers
 * have the byte order of the machine; this program speaks it on little-endian machines only.
 */

/** What a request asks for. */
export const OP = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  getlk: 31,
  setlk: 32,
  setlkw: 33,
  access: 34,
  create: 35,
  interrupt: 36,
  destroy: 38,
  ioctl: 39,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  syncfs: 50,
  statx: 52,
} as const;

/**
 * What the other machine says to this server, as no kernel does: it has told its kernel so many notices (u32), or may have missed
 * any of them ({@link TOLD_NOTHING}).
 */
export const OP_TOLD = 0x4357_0001;
export const TOLD_NOTHING = 0xffff_ffff;

/** What the other machine says of leases, in the form of a request; its answer is that of STATX with the lease behind it. */
export const OP_LEASE = 0x4357_0003;
/** What OP_LEASE is about. */
export const LEASE_ACTION = { ask: 1, keep: 2, renew: 3, forget: 4 } as const;
/** In the place of an error in an answer to request 0: the other machine is to let go of a lease. */
export const NOTICE_LEASE = 0x4357;
/** The same: what is known of a folder, beside the answer to a request that has changed it. */
export const NOTICE_FOLDER = 0x4358;

export const MAJOR = 7;
export const MINOR_MIN = 31;
/** The latest minor version whose structures are known here. */
export const MINOR = 45;

/** Of INIT, offered by the kernel and taken by the server. */
export const FLAG = {
  asyncRead: 1 << 0,
  posixLocks: 1 << 1,
  bigWrites: 1 << 5,
  dontMask: 1 << 6,
  flockLocks: 1 << 10,
  autoInvalData: 1 << 12,
  doReaddirplus: 1 << 13,
  readdirplusAuto: 1 << 14,
  asyncDio: 1 << 15,
  parallelDirops: 1 << 18,
  posixAcl: 1 << 20,
  abortError: 1 << 21,
  maxPages: 1 << 22,
  handleKillprivV2: 1 << 28,
  setxattrExt: 1 << 29,
  initExt: 1 << 30,
} as const;

/** The second word of INIT flags. */
export const FLAG2 = { directMmap: 1 << 4, passthrough: 1 << 5 } as const;

export const IN_HEADER_BYTES = 40;
export const OUT_HEADER_BYTES = 16;
export const ENTRY_BYTES = 128;
export const ATTR_OUT_BYTES = 104;
export const ATTR_BYTES = 88;
export const INIT_OUT_BYTES = 64;
export const DIRENT_BYTES = 24;
export const LOCK_OUT_BYTES = 24;
export const ROOT_ID = 1;

/** `valid` of SETATTR. */
export const SET = {
  mode: 1 << 0,
  userId: 1 << 1,
  groupId: 1 << 2,
  size: 1 << 3,
  atime: 1 << 4,
  mtime: 1 << 5,
  handle: 1 << 6,
  atimeNow: 1 << 7,
  mtimeNow: 1 << 8,
  killSetIds: 1 << 11,
} as const;

export const WRITE_FROM_PAGES = 1 << 0;
export const WRITE_KILL_SET_IDS = 1 << 2;
/** Set in each READ that does not fill pages of the kernel. */
export const READ_HAS_OWNER = 1 << 1;
export const RELEASE_UNLOCK_FLOCK = 1 << 1;
export const LOCK_IS_FLOCK = 1 << 0;
export const FSYNC_DATA_ONLY = 1 << 0;
export const SETXATTR_KILL_SET_GID = 1 << 0;
export const OPENED_DIRECT = 1 << 0;
export const OPENED_KEEPS = 1 << 1;
export const OPENED_CACHES_LIST = 1 << 3;
export const OPENED_PASSTHROUGH = 1 << 7;
/** Of this project, and no kernel's: whoever closes the file has to ask, since a close may find something wrong. */
export const OPENED_TELLS_AT_CLOSE = 1 << 30;

/** Of open(2), the same on all machines that this runs on but for what is not named here. */
export const O_ACCESS = 0o3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NONBLOCK = 0o4000;
export const O_DSYNC = 0o10000;
export const O_SYNC = 0o4010000;
export const O_PATH = 0o10000000;

/** The kind of a node in its mode. */
export const KIND_MASK = 0o170000;
export const KIND_FOLDER = 0o040000;
export const KIND_FILE = 0o100000;
export const KIND_LINK = 0o120000;

/** Errors as the kernel counts them. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENODATA: 61,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  ENOTCONN: 107,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

/** Of an operation, in place of the length of its answer: there is none, or it comes later. */
export const NO_ANSWER = -100_000;
