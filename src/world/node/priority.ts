import { bindLibc } from './libc.ts';

interface Functions {
  setpriority(which: number, who: number, priority: number): number;
  syscall(number: bigint, which: bigint, who: bigint, priority: bigint): bigint;
}

/** With who = 0 both calls mean the calling thread. */
const PRIO_PROCESS = 0;
const IOPRIO_WHO_PROCESS = 1n;
/** Half of the way to the lowest: beside programs of the usual priority such a thread gets about a tenth of a processor. */
const NICE = 10;
/** Best effort (class 2), lowest of its eight levels: it comes last and still comes, which the idle class does not promise. */
const IO_PRIORITY = (2n << 13n) | 7n;
/** Number of ioprio_set(2), which libc does not wrap. */
const IOPRIO_SET: Readonly<Record<string, bigint>> = {
  x64: 251n,
  arm64: 30n,
  riscv64: 30n,
  ppc64: 273n,
  s390x: 282n,
};

/**
 * Lets the calling thread come after others for processor and disk; false where the platform cannot. There is no way back
 * without privileges.
 */
export function lowerThreadPriority(): boolean {
  const libc = process.platform === 'linux' ? bindLibc<Functions>(SIGNATURES) : null;
  if (libc === null) return false;
  const isLower = libc.functions.setpriority(PRIO_PROCESS, 0, NICE) === 0;
  const number = IOPRIO_SET[process.arch];
  if (number !== undefined) libc.functions.syscall(number, IOPRIO_WHO_PROCESS, 0n, IO_PRIORITY);
  return isLower;
}

const SIGNATURES = {
  setpriority: { return: 'i32', arguments: ['i32', 'u32', 'i32'] },
  syscall: { return: 'i64', arguments: ['i64', 'i64', 'i64', 'i64'] },
} satisfies Parameters<typeof bindLibc>[0];
