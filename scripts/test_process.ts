// Runs one test process and says what became of every test in it.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TestRecord } from './test_reporter.ts';

/** Files that one process runs, from the root of the repository. */
export interface TestJob {
  readonly files: readonly string[];
  readonly timeoutMs: number;
}

export interface TestResult {
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly file: string;
  readonly name: string;
  readonly detail: string;
}

export interface JobResult {
  readonly job: TestJob;
  readonly tests: readonly TestResult[];
  /** What tests said of their run: seeds, counts of what they met. */
  readonly notes: readonly string[];
  /** What the process printed, its end where it is long. */
  readonly output: string;
  readonly durationMs: number;
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
}

const REPORTER = fileURLToPath(new URL('./test_reporter.ts', import.meta.url));
const OUTPUT_KEPT_BYTES = 64 * 1024;
/** Time for processes that die with the test process to be gone. */
const LEFTOVER_GRACE_MS = 3_000;
/** Time for a process that was told to end, and for its pipes to close once it did. */
const CLOSE_GRACE_MS = 2_000;

const running = new Set<ChildProcess>();

/** Ends every test process and what it started. */
export function killRunning(): void {
  for (const child of running) killGroup(child.pid, 'SIGKILL');
}

/** Runs the job to its end or its time limit. A crash, a hang and processes left behind are failed tests too. */
export async function runJob(job: TestJob, root: string): Promise<JobResult> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-test-'));
  const started = performance.now();
  try {
    const recordsPath = join(folder, 'records');
    const child = start(job, root, recordsPath);
    const output = keepTail(child);
    const ending = await waitForEnd(child, job.timeoutMs);
    const leftovers = ending.timedOut ? [] : await leftBehind(child.pid);
    killGroup(child.pid, 'SIGKILL');
    const records = existsSync(recordsPath) ? parseRecords(readFileSync(recordsPath, 'utf8')) : [];
    const tests = [...toResults(records, job, root), ...processProblems(job, records, ending, leftovers)];
    const notes = records.flatMap((record) => (record.kind === 'note' ? [record.text] : []));
    return { job, tests, notes, output: output(), durationMs: performance.now() - started };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function start(job: TestJob, root: string, recordsPath: string): ChildProcess {
  // Files that share a process need the runner of node:test; one alone does not, which saves a process.
  const shared = job.files.length > 1 ? ['--test', '--test-isolation=none'] : [];
  const flags = ['--disable-warning=ExperimentalWarning', `--test-reporter=${REPORTER}`];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    [...flags, `--test-reporter-destination=${recordsPath}`, ...shared, ...job.files],
    // A group of its own, so that all it starts can be ended with it.
    { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

function keepTail(child: ChildProcess): () => string {
  let kept = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      kept = (kept + text).slice(-OUTPUT_KEPT_BYTES);
    });
  }
  return () => kept;
}

async function waitForEnd(child: ChildProcess, timeoutMs: number): Promise<Ending> {
  const closed = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<Omit<Ending, 'timedOut'>>();
  child.once('close', () => closed.resolve());
  child.once('exit', (code, signal) => exited.resolve({ code, signal }));
  child.once('error', (error) => exited.reject(error));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child.pid, 'SIGKILL');
  }, timeoutMs);
  try {
    const ending = await exited.promise;
    // A process left behind may hold the pipes open: it is looked for next, and must not be waited for here.
    await Promise.race([closed.promise, delay(CLOSE_GRACE_MS, undefined, { ref: false })]);
    return { ...ending, timedOut };
  } finally {
    clearTimeout(timer);
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: every process of the group is gone, which is what was wanted. EPERM: only zombies are left (macOS).
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Commands of processes that the test process started and that outlive it. Linux only; elsewhere none is seen. */
async function leftBehind(pid: number | undefined): Promise<string[]> {
  if (pid === undefined || process.platform !== 'linux') return [];
  const deadline = performance.now() + LEFTOVER_GRACE_MS;
  let found = groupMembers(pid);
  while (found.length > 0 && performance.now() < deadline) {
    await delay(20);
    found = groupMembers(pid);
  }
  return found;
}

function groupMembers(group: number): string[] {
  const commands: string[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // proc(5): pid (command) state ppid pgrp ...; the command may hold spaces and brackets.
      const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(processGroup) !== group || state === 'Z' || state === 'X') continue;
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      commands.push(command.slice(0, 200));
    } catch {
      // The process ended while it was looked at.
    }
  }
  return commands;
}

function parseRecords(text: string): TestRecord[] {
  // The last line is torn where the process was killed while it wrote.
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as TestRecord);
}

function toResults(records: readonly TestRecord[], job: TestJob, root: string): TestResult[] {
  const results: TestResult[] = [];
  for (const record of records) {
    if (record.kind !== 'test') continue;
    const file = record.file === null ? job.files[0]! : relative(root, record.file);
    results.push({ outcome: record.outcome, file, name: record.path.join(' > '), detail: record.detail });
  }
  return results;
}

/** What went wrong with the process beside its tests, each as one failed test. */
function processProblems(
  job: TestJob,
  records: readonly TestRecord[],
  ending: Ending,
  leftovers: readonly string[],
): TestResult[] {
  const file = job.files.join(' ');
  const fail = (name: string, detail: string): TestResult => ({ outcome: 'failed', file, name, detail });
  const tests = records.filter((record) => record.kind === 'test');
  const last = tests.at(-1)?.path.join(' > ') ?? 'none';
  const how = ending.signal ? `was ended by ${ending.signal}` : `ended with exit code ${ending.code}`;
  if (ending.timedOut) {
    const seconds = job.timeoutMs / 1_000;
    const detail = `It did not end within ${seconds} s: a test hangs, or something was left open. Last test that ended: ${last}.`;
    return [fail('(time limit)', detail)];
  }
  const problems: TestResult[] = [];
  if (!records.some((record) => record.kind === 'end')) {
    problems.push(fail('(process)', `It ${how} before its tests had ended. Last one that ended: ${last}.`));
  } else if (ending.code !== 0 && !tests.some((record) => record.outcome === 'failed')) {
    problems.push(fail('(process)', `It ${how} although no test failed.`));
  } else if (tests.length === 0) {
    problems.push(fail('(no test)', 'The file holds no test.'));
  }
  if (leftovers.length > 0) problems.push(fail('(left behind)', `It left running:\n${leftovers.join('\n')}`));
  return problems;
}
