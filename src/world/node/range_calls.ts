import { bindLibc } from './libc.ts';

/** System calls on ranges of open files; all are synchronous and throw {@link SystemCallError}. Linux. */
export interface RangeCalls {
  /** lseek(2) with SEEK_DATA; throws ENXIO where no data follows. */
  seekData(fd: number, offset: number): number;
  /** lseek(2) with SEEK_HOLE; throws ENXIO at and behind the end. */
  seekHole(fd: number, offset: number): number;
  /** fallocate(2) that frees the range. */
  punchHole(fd: number, offset: number, lengthBytes: number): void;
  /** fallocate(2) that reserves the range and keeps the size. */
  allocate(fd: number, offset: number, lengthBytes: number): void;
  /** copy_file_range(2). */
  copyRange(fromFd: number, fromOffset: number, toFd: number, toOffset: number, lengthBytes: number): number;
  /** ioctl_ficlonerange(2). */
  cloneRange(fromFd: number, fromOffset: number, toFd: number, toOffset: number, lengthBytes: number): void;
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;
/** _IOW(0x94, 13, struct file_clone_range); the bit for the direction differs on PowerPC. */
const FICLONERANGE = process.arch === 'ppc64' ? 0x8020_940dn : 0x4020_940dn;

interface Functions {
  lseek(fd: number, offset: bigint, whence: number): bigint;
  fallocate(fd: number, mode: number, offset: bigint, lengthBytes: bigint): number;
  copy_file_range(
    fromFd: number,
    fromOffset: BigInt64Array,
    toFd: number,
    toOffset: BigInt64Array,
    lengthBytes: bigint,
    flags: number,
  ): bigint;
  ioctl(fd: number, request: bigint, argument: BigInt64Array): number;
}

function bind(): RangeCalls | null {
  const libc = bindLibc<Functions>({
    lseek: { return: 'i64', arguments: ['i32', 'i64', 'i32'] },
    fallocate: { return: 'i32', arguments: ['i32', 'i32', 'i64', 'i64'] },
    copy_file_range: {
      return: 'i64',
      arguments: ['i32', 'pointer', 'i32', 'pointer', 'u64', 'u32'],
    },
    ioctl: { return: 'i32', arguments: ['i32', 'u64', 'pointer'] },
  });
  if (libc === null) return null;
  const { functions, check } = libc;
  const allocation = (mode: number) => (fd: number, offset: number, lengthBytes: number) => {
    check('fallocate', functions.fallocate(fd, mode, BigInt(offset), BigInt(lengthBytes)));
  };
  const seek = (whence: number) => (fd: number, offset: number) =>
    Number(check('lseek', functions.lseek(fd, BigInt(offset), whence)));
  return {
    seekData: seek(SEEK_DATA),
    seekHole: seek(SEEK_HOLE),
    punchHole: allocation(FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE),
    allocate: allocation(FALLOC_KEEP_SIZE),
    copyRange: (fromFd, fromOffset, toFd, toOffset, lengthBytes) => {
      const from = new BigInt64Array([BigInt(fromOffset)]);
      const to = new BigInt64Array([BigInt(toOffset)]);
      const count = functions.copy_file_range(fromFd, from, toFd, to, BigInt(lengthBytes), 0);
      return Number(check('copy_file_range', count));
    },
    cloneRange: (fromFd, fromOffset, toFd, toOffset, lengthBytes) => {
      const range = [fromFd, fromOffset, lengthBytes, toOffset].map(BigInt);
      check('ioctl', functions.ioctl(toFd, FICLONERANGE, new BigInt64Array(range)));
    },
  };
}

let cached: RangeCalls | null | undefined;

/** The calls, bound on first use; null where the platform or this build of Node has none. */
export function loadRangeCalls(): RangeCalls | null {
  if (cached === undefined) cached = bind();
  return cached;
}
