import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { PlantedBug } from '../../src/base/fault_points.ts';

export interface SeedResult {
  readonly seed: number;
  readonly violation: string | null;
  readonly deaths: number;
  readonly reusedBytes: number;
  readonly zeroBytes: number;
  readonly linked?: number;
  readonly squeezedBytes?: number;
  readonly remembered?: number;
}

/** A fresh process after so many seeds: a fault that takes memory or time from those that follow shows no further. */
const SEEDS_PER_PROCESS = 100;

/** Runs `count` seeds from `first` on, in several processes at a time. Throws when one of them breaks. */
export async function runSeedsInProcesses(
  first: number,
  count: number,
  processes: number,
  bug: PlantedBug | null,
  scenario: 'copy' | 'undo' | 'known' = 'copy',
): Promise<{ results: SeedResult[]; elapsedMs: number }> {
  const start = performance.now();
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const results: SeedResult[] = [];
  let next = first;
  const work = async () => {
    while (next < first + count) {
      const from = next;
      const to = Math.min(first + count, from + SEEDS_PER_PROCESS);
      next = to;
      const args = ['--disable-warning=ExperimentalWarning', main, `--from=${from}`, `--to=${to}`, '--json'];
      if (scenario !== 'copy') args.push(`--scenario=${scenario}`);
      if (bug !== null) args.push(`--plant=${bug}`);
      results.push(...(await collect(args)));
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  return { results, elapsedMs: performance.now() - start };
}

function collect(args: readonly string[]): Promise<SeedResult[]> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code !== 0 && code !== 1) return reject(new Error(`the simulator ended with ${code}`));
      resolve(
        text
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as SeedResult),
      );
    });
  });
}
