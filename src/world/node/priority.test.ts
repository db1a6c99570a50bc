import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const PROGRAM = `
import { execFileSync } from 'node:child_process';
import { getPriority } from 'node:os';
import { lowerThreadPriority } from ${JSON.stringify(new URL('./priority.ts', import.meta.url).href)};
lowerThreadPriority(process.argv[1]);
const disk = execFileSync('ionice', ['-p', String(process.pid)], { encoding: 'utf8' }).trim();
console.log(JSON.stringify([getPriority(), disk]));
`;

/** What a process ends up with that begins as these words say, and lowers itself in this manner. */
function lowered(manner: string, ...before: readonly string[]): unknown {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module'];
  const [file = '', ...args] = [...before, ...node, '--eval', PROGRAM, manner];
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8' }));
}

test('a thread comes after others, as far as its manner says', () => {
  assert.deepEqual(lowered('polite'), [3, 'best-effort: prio 5']);
  assert.deepEqual(lowered('gentle'), [10, 'best-effort: prio 7']);
});

test('what a user has lowered further stays as it is', () => {
  assert.deepEqual(lowered('modest', 'nice', '-n', '12', 'ionice', '-c', '3'), [12, 'idle']);
  assert.deepEqual(lowered('polite', 'nice', '-n', '1', 'ionice', '-c', '2', '-n', '7'), [
    3,
    'best-effort: prio 7',
  ]);
});
