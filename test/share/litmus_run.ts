import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Tests of each program of litmus 0.13, all of them passed. */
export const ALL_PASSED = {
  basic: '16/16',
  copymove: '13/13',
  props: '30/30',
  locks: '41/41',
  http: '4/4',
} as const;

export interface LitmusRun {
  readonly passed: Readonly<Record<string, string>>;
  readonly output: string;
}

/** Runs all programs of litmus; `credentials` are name and password. */
export async function runLitmus(url: string, credentials: readonly string[] = []): Promise<LitmusRun> {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-litmus-'));
  try {
    const output = await new Promise<string>((resolve) => {
      execFile('litmus', ['-k', url, ...credentials], { cwd: scratch }, (failure, stdout, stderr) =>
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
