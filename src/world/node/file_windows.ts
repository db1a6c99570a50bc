import { bindLibc } from './libc.ts';

const PROT_READ = 1;
const MAP_SHARED = 1;

interface Functions {
  mmap(at: bigint, sizeBytes: bigint, protection: number, flags: number, fd: number, offset: bigint): bigint;
  munmap(at: bigint, sizeBytes: bigint): number;
}

/**
 * Pages of files in the memory of this process, mmap(2): for calls of the system that take bytes from there. No code of this
 * process may touch them: behind the end of a file that was cut that is a signal, where it is an error of the call.
 */
export interface FileWindows {
  /** Where they are; null where the file cannot be mapped. `start` is a multiple of the page size. */
  open(fd: number, start: number, sizeBytes: number): bigint | null;
  close(at: bigint, sizeBytes: number): void;
}

/** Null where the calls cannot be bound. */
export function bindFileWindows(): FileWindows | null {
  const libc = bindLibc<Functions>({
    mmap: { return: 'i64', arguments: ['u64', 'u64', 'i32', 'i32', 'i32', 'i64'] },
    munmap: { return: 'i32', arguments: ['u64', 'u64'] },
  });
  if (libc === null) return null;
  const { mmap, munmap } = libc.functions;
  return {
    open: (fd, start, sizeBytes) => {
      const at = mmap(0n, BigInt(sizeBytes), PROT_READ, MAP_SHARED, fd, BigInt(start));
      return at < 0n ? null : at; // -1 is the failure, and no place of a process is above 2^63
    },
    close: (at, sizeBytes) => void munmap(at, BigInt(sizeBytes)),
  };
}
