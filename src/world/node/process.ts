import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, homedir, hostname, totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { Processes, ProcessUsage, Strain } from '../process.ts';
import { giveBack } from './given_back.ts';
import { memoryState } from './memory_state.ts';
import { RunQueue } from './run_queue.ts';
import { createRuntimeFigures } from './runtime_figures.ts';

function usage(): ProcessUsage {
  const resources = process.resourceUsage();
  return {
    residentBytes: process.memoryUsage.rss(),
    peakResidentBytes: resources.maxRSS * 1024,
    cpuMs: (resources.userCPUTime + resources.systemCPUTime) / 1000,
    mainThreadMs: performance.eventLoopUtilization().active,
  };
}

/** A control group without a limit tells 0, or more than there is. */
function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || totalmem());
}

/** The `some` line of a pressure file: the time in which at least one task waited, in µs. */
function pressureMs(resource: 'cpu' | 'io' | 'memory'): number {
  const total = /^some .*total=(\d+)/m.exec(readFileSync(`/proc/pressure/${resource}`, 'latin1'))?.[1];
  return Math.floor(Number(total ?? 0) / 1000);
}

function isUninterruptible(thread: string): boolean {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('D');
  } catch {
    return false; // the thread has ended since it was listed
  }
}

function strain(queue: RunQueue): Strain | null {
  try {
    const threads = readdirSync('/proc/self/task');
    return {
      cpuWaitMs: pressureMs('cpu'),
      ioWaitMs: pressureMs('io'),
      memoryWaitMs: pressureMs('memory'),
      queuedMs: queue.waitedMs(threads),
      stuckThreads: threads.filter(isUninterruptible).length,
    };
  } catch {
    return null; // no Linux, or a kernel that does not measure pressure
  }
}

/** A process that ended and was not collected by its parent yet answers to signal 0 but does not run. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false; // no /proc on this platform, or the process is gone: signal 0 has already answered
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false; // 0 and below name process groups
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EPERM') return false; // EPERM: it runs, as another user
  }
  return !isZombie(pid);
}

/** This process and the machine's process table. `userId` is -1 where the platform has none. */
export function createNodeProcesses(): Processes {
  const queue = new RunQueue();
  return {
    info: {
      pid: process.pid,
      userId: process.getuid?.() ?? -1,
      homeDirectory: homedir(),
      hostName: hostname(),
      platform: process.platform,
      cpuCount: availableParallelism(),
      memoryBytes: memoryBytes(),
    },
    usage,
    strain: () => strain(queue),
    memory: () => memoryState(totalmem()),
    runtime: createRuntimeFigures(),
    isAlive,
    giveBack,
  };
}
