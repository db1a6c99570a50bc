import { bindLibc } from './libc.ts';

interface Functions {
  getpriority(which: number, who: number): number;
  setpriority(which: number, who: number, priority: number): number;
  syscall(number: bigint, which: bigint, who: bigint, priority: bigint): bigint;
}

/** With who = 0 both calls mean the calling thread. */
const PRIO_PROCESS = 0;
const IOPRIO_WHO_PROCESS = 1n;
/** How far behind others a thread comes. */
export type Manner = 'polite' | 'modest' | 'gentle';

/**
 * Beside a program of the usual priority a polite thread gets a third of a processor, a modest one a quarter, a gentle one, half
 * of the way to the lowest, a tenth.
 */
const NICE: Readonly<Record<Manner, number>> = { polite: 3, modest: 5, gentle: 10 };
/** Of the eight levels of best effort (class 2); usual is 4, the lowest comes last and still comes, which the idle class does not promise. */
const IO_LEVEL: Readonly<Record<Manner, bigint>> = { polite: 5n, modest: 6n, gentle: 7n };
const IO_BEST_EFFORT = 2n << 13n;
/** ioprio_get(2) has the number after that of ioprio_set(2) on each of these. */
const IOPRIO_GET_AFTER_SET = 1n;
/** Number of ioprio_set(2), which libc does not wrap. */
const IOPRIO_SET: Readonly<Record<string, bigint>> = {
  x64: 251n,
  arm64: 30n,
  riscv64: 30n,
  ppc64: 273n,
  s390x: 282n,
};

/**
 * Lets the calling thread come after others for processor and disk, at least so far: what its user has lowered further stays.
 * False where the platform cannot. There is no way back without privileges.
 */
export function lowerThreadPriority(manner: Manner): boolean {
  const libc = process.platform === 'linux' ? bindLibc<Functions>(SIGNATURES) : null;
  if (libc === null) return false;
  const { getpriority, setpriority } = libc.functions;
  const isLow = getpriority(PRIO_PROCESS, 0) >= NICE[manner];
  lowerDiskPriority(libc.functions, manner);
  return isLow || setpriority(PRIO_PROCESS, 0, NICE[manner]) === 0;
}

function lowerDiskPriority({ syscall }: Functions, manner: Manner): void {
  const set = IOPRIO_SET[process.arch];
  if (set === undefined) return;
  const now = syscall(set + IOPRIO_GET_AFTER_SET, IOPRIO_WHO_PROCESS, 0n, 0n);
  const wanted = IO_BEST_EFFORT | IO_LEVEL[manner];
  // whatever somebody has chosen that is not above it, idle (class 3) among it; without a choice (class 0) it follows the nice value
  if (now >= wanted) return;
  syscall(set, IOPRIO_WHO_PROCESS, 0n, wanted);
}

const SIGNATURES = {
  getpriority: { return: 'i32', arguments: ['i32', 'u32'] },
  setpriority: { return: 'i32', arguments: ['i32', 'u32', 'i32'] },
  syscall: { return: 'i64', arguments: ['i64', 'i64', 'i64', 'i64'] },
} satisfies Parameters<typeof bindLibc>[0];
