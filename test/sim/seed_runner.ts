import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface SeedResult {
  readonly seed: number;
  readonly violation: string | null;
  readonly deaths: number;
}

/** Runs `count` seeds from `first` on, split over processes. Throws when one of them breaks. */
export async function runSeedsInProcesses(
  first: number,
  count: number,
  processes: number,
): Promise<{ results: SeedResult[]; elapsedMs: number }> {
  const start = performance.now();
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const parts = await Promise.all(
    Array.from({ length: processes }, (_, part) => {
      const from = first + Math.floor((count * part) / processes);
      const to = first + Math.floor((count * (part + 1)) / processes);
      return collect([
        '--disable-warning=ExperimentalWarning',
        main,
        `--from=${from}`,
        `--to=${to}`,
        '--json',
      ]);
    }),
  );
  return { results: parts.flat(), elapsedMs: performance.now() - start };
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
