import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { startDav } from './dav_rig.ts';

/** Tests of each program of litmus 0.13. */
const EXPECTED = { basic: 16, copymove: 13, props: 30, locks: 41, http: 4 } as const;

export interface LitmusRun {
  readonly passed: Readonly<Record<string, string>>;
  readonly output: string;
}

export async function runLitmus(url: string, credentials: readonly string[] = []): Promise<LitmusRun> {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-litmus-'));
  try {
    const output = await new Promise<string>((resolve) => {
      execFile('litmus', ['-k', `${url}/`, ...credentials], { cwd: scratch }, (failure, stdout, stderr) =>
        resolve(failure === null || typeof failure.code === 'number' ? stdout + stderr : String(failure)),
      );
    });
    const summaries = output.matchAll(/summary for `(\w+)': of (\d+) tests run: (\d+) passed/g);
    const passed = Object.fromEntries([...summaries].map(([, name, run, good]) => [name, `${good}/${run}`]));
    return { passed, output };
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

export const ALL_PASSED = Object.fromEntries(
  Object.entries(EXPECTED).map(([name, count]) => [name, `${count}/${count}`]),
);

it('passes every test of every program of litmus over HTTP', async () => {
  await using rig = await startDav();
  const { passed, output } = await runLitmus(rig.url);
  assert.deepEqual(passed, ALL_PASSED, output);
  assert.doesNotMatch(output, /WARNING|FAIL/, output);
  assert.deepEqual(rig.notes, []);
});
