import { constants } from 'node:os';
import { loadFfi } from './syscalls.ts';

const { EAGAIN, EINTR } = constants.errno;

/** What the last call of this thread failed with, and whether it may be tried again. */
export function getErrno(libc: unknown): { readonly errno: number; readonly isForNow: boolean } {
  const at = (libc as { __errno_location(): bigint }).__errno_location();
  const errno = loadFfi().getInt32(at);
  return { errno, isForNow: errno === EAGAIN || errno === EINTR };
}
