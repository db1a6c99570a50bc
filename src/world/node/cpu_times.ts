import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of /proc/PID/stat per second: the kernel's interface has 100 on all common platforms. */
const MS_PER_TICK = 10;

export interface ProcessTimes {
  /** User and system time of the process itself. */
  readonly ownMs: number;
  /** The same of those of its children that have ended, with theirs. */
  readonly reapedMs: number;
}

/** Reads the times out of one line of /proc/PID/stat (proc(5)); the name in brackets may hold blanks and brackets. */
export function parseProcessTimes(stat: string): ProcessTimes {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (field: number) => Number(fields[field - 3]);
  return {
    ownMs: (ticks(14) + ticks(15)) * MS_PER_TICK,
    reapedMs: (ticks(16) + ticks(17)) * MS_PER_TICK,
  };
}

/** Time in which processors were at work, out of /proc/stat: all but idle, waiting for disks, and guests. */
export function parseBusyMs(stat: string): number {
  const fields = (stat.split('\n', 1)[0] ?? '').split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  return (user + nice + system + irq + softirq + steal) * MS_PER_TICK;
}

export function busyMs(): number {
  return parseBusyMs(readIfThere('/proc/stat') ?? '');
}

/** Processor time of all that this process has started, and of theirs, whether it runs or has ended. 0 without /proc. */
export function startedCpuMs(): number {
  const self = readIfThere('/proc/self/stat');
  if (self === null) return 0;
  let sumMs = parseProcessTimes(self).reapedMs;
  for (const pid of descendantsOf(process.pid)) {
    const stat = readIfThere(`/proc/${pid}/stat`);
    if (stat === null) continue;
    const { ownMs, reapedMs } = parseProcessTimes(stat);
    sumMs += ownMs + reapedMs;
  }
  return sumMs;
}

function descendantsOf(pid: number): number[] {
  const found: number[] = [];
  for (const thread of threadsOf(pid))
    for (const text of readIfThere(`/proc/${pid}/task/${thread}/children`)?.split(' ') ?? [])
      if (text.trim() !== '') found.push(Number(text), ...descendantsOf(Number(text)));
  return found;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has ended meanwhile, or there is no /proc here
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null; // the process has ended meanwhile, or there is no /proc here
  }
}
