// Checks that need no test: style and types.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestResult } from './test_process.ts';

const CHECKS: readonly { readonly name: string; readonly argv: readonly string[] }[] = [
  {
    name: 'biome',
    argv: [
      'node_modules/@biomejs/biome/bin/biome',
      'check',
      '--error-on-warnings',
      '--max-diagnostics=100',
      '.',
    ],
  },
  { name: 'tsc', argv: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'] },
  { name: 'tsc of the console', argv: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'src/console'] },
];

const running = new Set<ChildProcess>();

/** Ends the checks that run. */
export function killStaticChecks(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Runs the checks beside each other; each counts as one test. */
export function runStaticChecks(root: string): Promise<TestResult[]> {
  return Promise.all(CHECKS.map((check) => runCheck(root, check.name, check.argv)));
}

function runCheck(root: string, name: string, [script, ...args]: readonly string[]): Promise<TestResult> {
  const { promise, resolve, reject } = Promise.withResolvers<TestResult>();
  const child = spawn(process.execPath, [join(root, script!), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  child.once('error', reject);
  child.once('close', (code) => {
    const outcome = code === 0 ? 'passed' : 'failed';
    resolve({ outcome, file: name, name: 'the whole repository', detail: code === 0 ? '' : output.trim() });
  });
  return promise;
}
