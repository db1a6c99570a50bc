import { bindLibc, type Libc } from './libc.ts';
import { loadFfi } from './syscalls.ts';

interface Functions {
  madvise(at: bigint, sizeBytes: bigint, advice: number): number;
}

const MADV_DONTNEED = 4;
/** No page is larger where this runs; the ends of a buffer share theirs with others. */
const PAGE_MAX_BYTES = 64n * 1024n;

let libc: Libc<Functions> | null | undefined;

/**
 * Lets the system have the memory below these buffers, which stay usable: what is read from them next is zeros, or what was
 * there. Only for memory that threads share, which does not move. Does nothing where the platform cannot.
 */
export function giveBack(buffers: readonly Uint8Array[]): void {
  libc ??= process.platform === 'linux' ? bindLibc<Functions>(SIGNATURES) : null;
  if (libc === null) return;
  const { getRawPointer } = loadFfi();
  for (const buffer of buffers) {
    if (!(buffer.buffer instanceof SharedArrayBuffer)) continue;
    const at: bigint = getRawPointer(buffer);
    const from = ((at + PAGE_MAX_BYTES - 1n) / PAGE_MAX_BYTES) * PAGE_MAX_BYTES;
    const to = ((at + BigInt(buffer.byteLength)) / PAGE_MAX_BYTES) * PAGE_MAX_BYTES;
    if (to > from) libc.functions.madvise(from, to - from, MADV_DONTNEED);
  }
}

const SIGNATURES = {
  madvise: { return: 'i32', arguments: ['u64', 'u64', 'i32'] },
} satisfies Parameters<typeof bindLibc>[0];
