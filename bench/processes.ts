/**
 * CPU seconds and peak memory of process trees, read from /proc (Linux).
 *
 * CPU of a run = growth of: user + system time of children that this process has reaped (with their own reaped
 * children), plus user + system time of every live descendant and of the children it has reaped. That covers the
 * client, the servers and the processes they fork, whether they have ended or not; a process whose parent never
 * waits for it would be missed, and no peer here has one. The CPU time of the bench itself is not in it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Clock ticks per second in /proc/PID/stat: fixed at 100 by the kernel's interface on all common platforms. */
const TICKS_PER_SECOND = 100;

export interface ProcessTimes {
  /** User + system seconds of the process itself. */
  readonly ownSeconds: number;
  /** User + system seconds of the descendants it has reaped. */
  readonly reapedSeconds: number;
}

/** Reads the times out of one /proc/PID/stat line (proc(5)); the name in brackets may hold blanks and brackets. */
export function parseStat(stat: string): ProcessTimes {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (field: number) => Number(fields[field - 3]);
  return {
    ownSeconds: (ticks(14) + ticks(15)) / TICKS_PER_SECOND,
    reapedSeconds: (ticks(16) + ticks(17)) / TICKS_PER_SECOND,
  };
}

/** The value of a `VmHWM:  1234 kB` line in KiB, or null where the process has no memory left. */
export function parseStatusKiB(status: string, field: string): number | null {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status);
  return match ? Number(match[1]) : null;
}

/** Busy seconds of all processors out of /proc/stat: everything but idle, waiting for disks and guest time. */
export function parseBusySeconds(stat: string): number {
  const fields = (stat.split('\n', 1)[0] ?? '').split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

export function busySeconds(): number {
  return parseBusySeconds(readFileSync('/proc/stat', 'latin1'));
}

/** A process may end between two reads: its files then fail with ENOENT or ESRCH, and it counts as gone. */
function readIfAlive(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

function threads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** Live children, their children and so on, without `pid` itself. */
export function descendants(pid: number): number[] {
  const found: number[] = [];
  for (const thread of threads(pid)) {
    const listed = readIfAlive(`/proc/${pid}/task/${thread}/children`);
    for (const text of listed?.split(' ') ?? []) {
      if (text.trim() !== '') found.push(Number(text), ...descendants(Number(text)));
    }
  }
  return found;
}

/** CPU seconds ever used by the descendants of this process, ended ones included. */
export function descendantCpuSeconds(): number {
  const self = parseStat(readFileSync('/proc/self/stat', 'latin1'));
  let seconds = self.reapedSeconds;
  for (const pid of descendants(process.pid)) {
    const stat = readIfAlive(`/proc/${pid}/stat`);
    if (stat === null) continue;
    const times = parseStat(stat);
    seconds += times.ownSeconds + times.reapedSeconds;
  }
  return seconds;
}

/**
 * Bytes that a process and the children it has reaped have got by `read` and its like and by `copy_file_range`
 * (`rchar` of /proc/PID/io, proc(5)), plus its live descendants.
 */
export function readBytesOf(pid: number): number {
  let bytes = 0;
  for (const one of pid === process.pid ? [pid] : [pid, ...descendants(pid)]) {
    const match = /^rchar: (\d+)$/m.exec(readIfAlive(`/proc/${one}/io`) ?? '');
    bytes += match ? Number(match[1]) : 0;
  }
  return bytes;
}

/** Highest resident memory since the last reset, of one process. */
function peakKiB(pid: number): number {
  const status = readIfAlive(`/proc/${pid}/status`);
  return status === null ? 0 : (parseStatusKiB(status, 'VmHWM') ?? 0);
}

function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    // A process that ended has no peak to reset; one of another user keeps its older, higher peak.
    if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) throw error;
  }
}

export interface NamedProcess {
  readonly label: string;
  readonly pid: number;
}

/** Follows the peak memory of process trees: per label, the largest single process seen. */
export class PeakWatch {
  readonly #roots: NamedProcess[] = [];
  readonly #peaksKiB = new Map<string, number>();

  /** Starts from the present memory of the given trees. */
  constructor(roots: readonly NamedProcess[]) {
    for (const root of roots) {
      for (const pid of [root.pid, ...descendants(root.pid)]) resetPeak(pid);
      this.add(root);
    }
  }

  add(root: NamedProcess): void {
    this.#roots.push(root);
  }

  sample(): void {
    for (const root of this.#roots) {
      const seen = Math.max(...[root.pid, ...descendants(root.pid)].map(peakKiB));
      this.#peaksKiB.set(root.label, Math.max(seen, this.#peaksKiB.get(root.label) ?? 0));
    }
  }

  /** KiB by label. */
  peaks(): Record<string, number> {
    return Object.fromEntries(this.#peaksKiB);
  }
}
