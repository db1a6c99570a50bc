import { hasWideSyscalls, loadFfi, SystemCallError } from './syscalls.ts';

/** Signatures as `node:ffi` takes them; 64-bit numbers are bigint on both sides. */
type Signatures = Parameters<ReturnType<typeof loadFfi>['dlopen']>[1];

/** The functions of libc with those signatures, and what turns a negative result into a {@link SystemCallError}. */
export interface Libc<Functions> {
  readonly functions: Functions;
  /** `result`, or throws with the errno of the call where it is negative. */
  check<Result extends number | bigint>(syscall: string, result: Result): Result;
}

/** Null where calls cannot be bound, or libc lacks one of them: callers then do without. */
export function bindLibc<Functions>(signatures: Signatures): Libc<Functions> | null {
  if (!hasWideSyscalls()) return null;
  try {
    const { dlopen, getInt32 } = loadFfi();
    const { functions } = dlopen(null, {
      ...signatures,
      __errno_location: { return: 'pointer', arguments: [] },
    });
    const errnoAt = (functions as { __errno_location(): bigint }).__errno_location();
    return {
      functions: functions as Functions,
      check: (syscall, result) => {
        if (result < 0) throw new SystemCallError(syscall, getInt32(errnoAt));
        return result;
      },
    };
  } catch {
    return null; // no node:ffi, or a libc without a symbol: the capability is then not offered
  }
}
