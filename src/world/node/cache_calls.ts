import { bindLibc } from './libc.ts';
import { SystemCallError } from './syscalls.ts';

/** What the system keeps of a file in memory; synchronous. Linux. */
export interface CacheCalls {
  /** posix_fadvise(2): forgets clean pages of the range; a length of 0 means up to the end. */
  drop(fd: number, offset: number, lengthBytes: number): void;
  /** cachestat(2): bytes of the range in memory; null where the kernel (before 6.5) or the file system does not tell. */
  cached(fd: number, offset: number, lengthBytes: number): number | null;
}

const DONTNEED = 4;
/** The same on all architectures. */
const CACHESTAT = 451n;
/** struct cachestat: pages in memory come first of five numbers. */
const CACHESTAT_MEMBERS = 5;
const PAGE_BYTES = 4096;

interface Functions {
  posix_fadvise(fd: number, offset: bigint, lengthBytes: bigint, advice: number): number;
  syscall(number: bigint, fd: bigint, range: BigUint64Array, told: BigUint64Array, flags: bigint): bigint;
}

function bind(): CacheCalls | null {
  const libc = bindLibc<Functions>({
    posix_fadvise: { return: 'i32', arguments: ['i32', 'i64', 'i64', 'i32'] },
    syscall: { return: 'i64', arguments: ['i64', 'i64', 'pointer', 'pointer', 'i64'] },
  });
  if (libc === null) return null;
  const { functions } = libc;
  return {
    drop: (fd, offset, lengthBytes) => {
      const errno = functions.posix_fadvise(fd, BigInt(offset), BigInt(lengthBytes), DONTNEED);
      if (errno !== 0) throw new SystemCallError('posix_fadvise', errno);
    },
    cached: (fd, offset, lengthBytes) => {
      const range = new BigUint64Array([BigInt(offset), BigInt(lengthBytes)]);
      const told = new BigUint64Array(CACHESTAT_MEMBERS);
      if (functions.syscall(CACHESTAT, BigInt(fd), range, told, 0n) !== 0n) return null;
      return Math.min(lengthBytes, Number(told[0]) * PAGE_BYTES);
    },
  };
}

let cached: CacheCalls | null | undefined;

/** The calls, bound on first use; null where the platform or this build of Node has none. */
export function loadCacheCalls(): CacheCalls | null {
  if (cached === undefined) cached = process.platform === 'linux' ? bind() : null;
  return cached;
}
