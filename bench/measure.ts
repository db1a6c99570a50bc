/** Runs one command to its end and says what it cost. */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import {
  busySeconds,
  descendantCpuSeconds,
  descendants,
  type NamedProcess,
  PeakWatch,
  readBytesOf,
} from './processes.ts';

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Cost {
  /** From just before the client's start to its end. */
  readonly seconds: number;
  /** User + system seconds of all processes of the peer. */
  readonly cpuSeconds: number;
  /** Busy processor seconds that belong neither to the peer nor to the bench: other load, and interrupts. */
  readonly otherCpuSeconds: number;
  /** Largest single process by label, KiB. */
  readonly peakKiB: Readonly<Record<string, number>>;
  /** Bytes between the two sides, both directions, with all headers. */
  readonly wireBytes: number;
  /** Bytes that processes have read, by label: files, and what comes through pipes and `read` of sockets. */
  readonly readBytes: Readonly<Record<string, number>>;
}

const SAMPLE_MS = 50;
const SETTLE_POLL_MS = 10;
const SETTLE_DEADLINE_MS = 5_000;
const STDERR_TAIL_CHARS = 2_000;
/** A peer that takes longer than this is stopped and its run counts as failed. */
const RUN_LIMIT_MS = 20 * 60_000;

/** Waits until the forks of the servers have ended, so that their CPU time is complete. */
async function settle(before: ReadonlySet<number>): Promise<void> {
  const deadline = performance.now() + SETTLE_DEADLINE_MS;
  while (descendants(process.pid).some((pid) => !before.has(pid)) && performance.now() < deadline) {
    await delay(SETTLE_POLL_MS);
  }
}

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

interface ClientEnd {
  readonly seconds: number;
  readonly failure: string | null;
}

/** Ends a client and everything it has started. */
function killTree(pid: number): void {
  for (const one of [pid, ...descendants(pid)]) {
    try {
      process.kill(one, 'SIGKILL');
    } catch (error) {
      // It has ended by itself meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function runClient(command: Command, watch: PeakWatch, signal: AbortSignal): Promise<ClientEnd> {
  const [file, ...args] = command.argv;
  if (file === undefined) throw new Error('empty command');
  const startMs = performance.now();
  const child = spawn(file, args, { env: command.env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_TAIL_CHARS);
  });
  const { pid } = child;
  if (pid !== undefined) watch.add({ label: 'client', pid });
  const kill = () => {
    if (pid !== undefined && child.exitCode === null) killTree(pid);
  };
  signal.addEventListener('abort', kill, { once: true });
  const sampler = setInterval(() => watch.sample(), SAMPLE_MS);
  const limit = setTimeout(kill, RUN_LIMIT_MS);
  try {
    return await new Promise<ClientEnd>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        const seconds = (performance.now() - startMs) / 1000;
        const failure = code === 0 ? null : `${signal ?? `exit code ${code}`}: ${stderr.trim()}`;
        resolve({ seconds, failure });
      });
    });
  } finally {
    clearInterval(sampler);
    clearTimeout(limit);
    signal.removeEventListener('abort', kill);
  }
}

/**
 * Runs the client of a peer whose `servers` are up already.
 * @throws Error with the end of its standard error when it fails; the reason of `signal` when that ends it.
 */
export async function measure(
  command: Command,
  servers: readonly NamedProcess[],
  signal: AbortSignal,
  wireBytes: () => number = () => 0,
): Promise<Cost> {
  signal.throwIfAborted();
  const watch = new PeakWatch(servers);
  const before = new Set(descendants(process.pid));
  const start = { cpu: descendantCpuSeconds(), own: ownCpuSeconds(), busy: busySeconds() };
  const reads = new Map(servers.map(({ label, pid }) => [label, { pid, before: readBytesOf(pid) }]));
  const ownReads = readBytesOf(process.pid);
  const wire = wireBytes();
  const end = await runClient(command, watch, signal);
  const clientReads = readBytesOf(process.pid) - ownReads;
  watch.sample();
  await settle(before);
  const cpuSeconds = descendantCpuSeconds() - start.cpu;
  const own = ownCpuSeconds() - start.own;
  const otherCpuSeconds = Math.max(0, busySeconds() - start.busy - own - cpuSeconds);
  const readBytes: Record<string, number> = { client: clientReads };
  for (const [label, { pid, before: earlier }] of reads) readBytes[label] = readBytesOf(pid) - earlier;
  const passed = wireBytes() - wire;
  signal.throwIfAborted();
  if (end.failure !== null) throw new Error(end.failure);
  const { seconds } = end;
  return { seconds, cpuSeconds, otherCpuSeconds, peakKiB: watch.peaks(), wireBytes: passed, readBytes };
}
