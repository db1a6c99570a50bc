// Which test files there are, which process runs each, and how long it may take.
import { globSync } from 'node:fs';
import type { TestJob } from './test_process.ts';

const PATTERNS = ['{src,bench,test}/**/*.test.ts'];

/** With LAB_FULL=1 an emulated machine moves gigabytes, at a few MiB/s. */
const LAB_TIMEOUT_MS = process.env['LAB_FULL'] === '1' ? 10_800_000 : 1_200_000;

/** Folders in the order in which they run, with the time limit of one process. The first that fits counts. */
const FOLDERS: readonly { readonly prefix: string; readonly timeoutMs: number }[] = [
  { prefix: 'test/tidy/', timeoutMs: 120_000 },
  { prefix: 'src/', timeoutMs: 120_000 },
  { prefix: 'bench/', timeoutMs: 120_000 },
  { prefix: 'test/conformance/', timeoutMs: 180_000 },
  { prefix: 'test/golden/', timeoutMs: 120_000 },
  { prefix: 'test/fuzz/', timeoutMs: 300_000 },
  { prefix: 'test/interop/', timeoutMs: 1_380_000 },
  { prefix: 'test/sim/', timeoutMs: 600_000 },
  { prefix: 'test/lab/', timeoutMs: LAB_TIMEOUT_MS },
  { prefix: 'test/', timeoutMs: 300_000 },
];

/** One process runs all its files there, because they share a virtual machine that lives as long as the process. */
const SHARED_PREFIX = 'test/lab/';

export function findTests(root: string): string[] {
  const found = globSync(PATTERNS, { cwd: root }).map((path) => path.replaceAll('\\', '/'));
  return found.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Files whose path holds one of the words, or fits it as a regular expression. All files where there is no word. */
export function select(files: readonly string[], words: readonly string[]): string[] {
  if (words.length === 0) return [...files];
  const patterns = words.map((word) => word.replace(/^\.\//, ''));
  return files.filter((file) => patterns.some((word) => file.includes(word) || matches(word, file)));
}

function matches(word: string, file: string): boolean {
  try {
    return new RegExp(word).test(file);
  } catch {
    return false; // no regular expression: it was compared as plain text already
  }
}

/** `parallel` jobs may run beside each other; `alone` ones need the whole machine and come last. */
export function planJobs(files: readonly string[]): { parallel: TestJob[]; alone: TestJob[] } {
  const shared = files.filter((file) => file.startsWith(SHARED_PREFIX));
  const own = files.filter((file) => !file.startsWith(SHARED_PREFIX));
  return {
    parallel: own.map((file) => ({ files: [file], timeoutMs: timeoutOf(file) })),
    alone: shared.length > 0 ? [{ files: shared, timeoutMs: timeoutOf(shared[0]!) }] : [],
  };
}

function rank(file: string): number {
  return FOLDERS.findIndex(({ prefix }) => file.startsWith(prefix));
}

function timeoutOf(file: string): number {
  return FOLDERS[rank(file)]!.timeoutMs;
}
