// npm test [-- PATTERN...]: everything that this machine can test, or the test files that match.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { killStaticChecks, runStaticChecks } from './static_checks.ts';
import { findTests, planJobs, select } from './test_jobs.ts';
import { killRunning, runJob, type TestJob, type TestResult } from './test_process.ts';
import { count, describeEnd, describeFailure, describeJob, settle } from './test_report.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Two processes at a time: many tests start daemons, agents and load generators of their own. */
const CONCURRENCY = Math.min(2, availableParallelism());

const requireAll = process.env.CAUSEWAY_REQUIRE === 'all';

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Installs or names what the tests need of the system. Tests without it skip and say so, so that it may fail. */
function setUp(files: readonly string[]): void {
  const result = spawnSync('sh', [join(ROOT, 'scripts/setup')], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) print(`scripts/setup could not be run: ${result.error.message}`);
  else if (result.status !== 0) print('scripts/setup failed: tests that need what is missing are skipped.');
  if (!files.some((file) => file.startsWith('test/lab/'))) return;
  const lab = spawnSync(process.execPath, [join(ROOT, 'test/lab/prepare.ts')], { stdio: 'inherit' });
  if (lab.status !== 0) print('test/lab/prepare.ts failed: tests that need the virtual machine are skipped.');
}

async function checkStatically(): Promise<TestResult[]> {
  const results = await runStaticChecks(ROOT);
  for (const result of results) {
    print(`${result.outcome === 'passed' ? 'ok  ' : 'FAIL'} ${result.file}`);
    if (result.outcome === 'failed') print(describeFailure(result));
  }
  return results;
}

async function runAll(
  jobs: readonly TestJob[],
  concurrency: number,
  showOutput: boolean,
): Promise<TestResult[]> {
  const queue = [...jobs];
  const all: TestResult[] = [];
  const work = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const result = await runJob(job, ROOT);
      const tests = settle(result.tests, requireAll);
      print(describeJob(result, tests, showOutput));
      all.push(...tests);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return all;
}

async function main(words: readonly string[]): Promise<void> {
  const files = select(findTests(ROOT), words);
  const { parallel, alone } = planJobs(files);
  setUp(files);
  const results = words.length === 0 ? await checkStatically() : [];
  const isChosen = words.length > 0;
  results.push(...(await runAll(parallel, CONCURRENCY, isChosen)));
  results.push(...(await runAll(alone, 1, isChosen)));
  const totals = count(results);
  if (files.length === 0) print(`No test file matches ${words.join(' ') || 'the usual names'}.`);
  print(describeEnd(results));
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killStaticChecks();
    killRunning();
    process.kill(process.pid, signal);
  });
}
await main(process.argv.slice(2));
